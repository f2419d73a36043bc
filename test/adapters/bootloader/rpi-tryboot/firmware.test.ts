import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { createTrybootFirmware } from "../../../../adapters/bootloader/rpi-tryboot/firmware.ts";
import { createChildProcess } from "../../../../adapters/process/child-process.ts";

const folder = await mkdtemp(join(tmpdir(), "firmware-"));
afterAll(() => rm(folder, { recursive: true }));

const none = createChildProcess({ env: { PATH: "/nowhere" } });

for (const [what, partition, tryboot, boot] of [
  ["cells of a trial", [0, 0, 0, 3], [0, 0, 0, 1], { partition: 3, tryboot: true }],
  ["cells of a usual start", [0, 0, 0, 2], [0, 0, 0, 0], { partition: 2, tryboot: false }],
  ["a number beyond a byte", [0, 0, 1, 2], [0, 0, 0, 0], { partition: 258, tryboot: false }],
  ["a cell that is too short", [0, 2], [0, 0, 0, 0], undefined],
  ["only one of both", [0, 0, 0, 2], undefined, undefined],
  ["nothing", undefined, undefined, undefined],
] as const) {
  test(`from ${what} it reads ${JSON.stringify(boot)}`, async () => {
    const node = await mkdtemp(join(folder, "node-"));
    for (const [name, bytes] of Object.entries({ partition, tryboot })) {
      if (bytes !== undefined) await writeFile(join(node, name), Uint8Array.from(bytes));
    }
    expect(await createTrybootFirmware(none, node).boot()).toEqual(boot);
  });
}

const ANSWER = "0x0000001c 0x80000000 0x00038064 0x00000004 0x80000004 0x00000001 0x00000000";
for (const [what, script, answer] of [
  ["a firmware that takes it", `echo ${ANSWER}`, "taken"],
  ["a firmware that cannot read the request", `echo ${ANSWER.replace("80000000", "80000001")}`, "refused"],
  ["a program without an answer", "exit 0", "refused"],
  ["a kernel without the mailbox", "echo Cannot open /dev/vcio >&2; exit 255", "refused"],
  ["a program that answers and fails", `echo ${ANSWER}; exit 1`, "refused"],
  ["a program that cannot be run", undefined, "refused"],
] as const) {
  test(`the tryboot flag is ${answer} by ${what}`, async () => {
    const path = await mkdtemp(join(folder, "path-"));
    const arguments_ = join(path, "arguments");
    const program = `#!/bin/sh\necho "$@" >> ${arguments_}\n${script}\n`;
    await writeFile(join(path, "vcmailbox"), script === undefined ? "\0" : program, { mode: 0o755 });
    const process = createChildProcess({ env: { PATH: `${path}:/usr/bin:/bin` } });
    const firmware = createTrybootFirmware(process, join(folder, "none"));
    expect([await firmware.setTryboot(true), await firmware.setTryboot(false)]).toEqual([answer, answer]);
    if (script !== undefined) {
      expect(await readFile(arguments_, "utf8")).toBe("0x00038064 4 0 1\n0x00038064 4 0 0\n");
    }
  });
}

test("a board without vcmailbox has no mailbox", async () => {
  expect(await createTrybootFirmware(none, join(folder, "none")).setTryboot(true)).toBe("absent");
});
