import { mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { BuiltProgram, startProgram } from "../../support/built-program.ts";
import { MEMORY_FOLDER } from "../../support/test-board.ts";
import { toyModule } from "./toy.ts";

let program: BuiltProgram;
let dir = "";
let tmp = "";
beforeAll(async () => {
  program = await BuiltProgram.build();
  dir = await mkdtemp(join(MEMORY_FOLDER, "switchback-cli-watched-"));
});
afterAll(() => rm(dir, { recursive: true }));
beforeEach(async () => {
  tmp = await mkdtemp(join(dir, "tmp-"));
});

/** Starts the check of the adapter in file `name`, with a separate folder for temporary files. */
async function start(name: string, code: string, ...options: readonly string[]) {
  const path = join(dir, name);
  await writeFile(path, code, { mode: 0o755 });
  const argv = [program.path, "adapter", "check", path, ...options];
  return startProgram(process.execPath, argv, { TMPDIR: tmp });
}

/** The path of the file that an adapter creates to show that it runs. */
const mark = (): string => join(dir, `${tmp.split("-").at(-1)}.runs`);

test("a module is checked in a process of its own, which prints what it finds", async () => {
  const { ended } = await start("good.mjs", toyModule(), "--only", "a board at rest runs and plans");
  expect(await ended).toMatchObject({
    exitCode: 0,
    out: ["kept    a board at rest runs and plans the same slot, without a trial", "1 promises kept, 0 broken."],
    err: [],
  });
  expect(await readdir(tmp)).toEqual([]);
});

test("a failure in that process is reported once", async () => {
  const { ended } = await start("bad.mjs", "export const adapter = {");
  const { exitCode, err } = await ended;
  expect({ exitCode, lines: err.length }).toEqual({ exitCode: 1, lines: 1 });
  expect(err[0]).toMatch(/ADAPTER_LOAD.*bad\.mjs.*Unexpected end of input/);
});

const LOOPS: readonly [title: string, code: string, promise: string][] = [
  ["in a call", toyModule({ confirm: "await null; for (;;);" }), "confirm finishes"],
  [
    "in a call that one promise needs",
    toyModule({
      arm: `if (slot === "A") for (;;);\n await write({ ...point(slot), upgrade_available: "1", bootcount: "0" });`,
    }),
    "after a confirmed update, the next update gets its own trial in the other slot",
  ],
];

for (const [title, code, promise] of LOOPS) {
  test(`a loop without end ${title} is ended, and the report names the promise that was being checked`, async () => {
    const { ended } = await start("loop.mjs", code, "--timeout", "1", "--only", "gets its own trial");
    const { exitCode, out } = await ended;
    expect(exitCode).toBe(1);
    expect(out.slice(-3)).toEqual([
      `BROKEN  ${promise}`,
      "        ADAPTER_TIMEOUT: The adapter did not answer in time. (seconds=1, reason=the module is in an endless loop)",
      "0 promises kept, 1 broken.",
    ]);
    expect(await readdir(tmp)).toEqual([]);
  });
}

const STUCK: Readonly<Record<string, readonly [name: string, code: (mark: string) => string]>> = {
  "a program that does not end": ["stuck.sh", (file) => `#!/bin/sh\n: >${file}\nwhile :; do sleep 1; done\n`],
  "a module whose promise is never settled": [
    "stuck.mjs",
    (file) =>
      toyModule({ booted: `await context.run(["touch", "${file}"], signal); await new Promise(() => undefined);` }),
  ],
  "a module in a loop without end": [
    "looping.mjs",
    (file) => toyModule({ booted: `await context.run(["touch", "${file}"], signal); for (;;);` }),
  ],
};

for (const [title, [name, code]] of Object.entries(STUCK)) {
  test(`SIGTERM ends the check of ${title}, in one line, and leaves nothing behind`, async () => {
    const { child, ended } = await start(name, code(mark()));
    await untilThere(mark());
    child.kill("SIGTERM");
    const { exitCode, err } = await ended;
    expect({ exitCode, lines: err.length }).toEqual({ exitCode: 1, lines: 1 });
    expect(err[0]).toContain("CANCELLED");
    expect(await readdir(tmp)).toEqual([]);
  });
}

async function untilThere(path: string): Promise<void> {
  const name = path.slice(path.lastIndexOf("/") + 1);
  while (!(await readdir(dir)).includes(name)) await new Promise((resolve) => setTimeout(resolve, 20));
}
