import { randomBytes } from "node:crypto";
import { chmod, mkdir, mkdtemp, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { createUbiSlotDevice } from "../../../adapters/device/ubi-slot.ts";
import { createRunningSystem } from "../../../adapters/linux/running-system.ts";
import { createChildProcess } from "../../../adapters/process/child-process.ts";
import type { SlotId } from "../../../src/ports/bootloader.ts";
import type { SlotWriter } from "../../../src/ports/slot-device.ts";

const never = new AbortController().signal;
const LEB = 126_976;
const VOLUME_BYTES = 8 * LEB;
let root: string;

/**
 * Replaces ubiupdatevol, because the test machine has no MTD. The volume is a file. Like UBI, the program empties it at
 * the start and marks it as being updated until all bytes have arrived. Its messages are those of mtd-utils 2.1.5.
 */
const TOOL = `#!/bin/sh
echo "$*" >>"$CALLS"
[ "$3" = - ] || exit 64
case $FAIL in
  at-once) echo "ubiupdatevol: error!: cannot start volume \\"$1\\" update" >&2
           echo "             error 28 (No space left on device)" >&2; exit 255;;
  half-way) head -c 300000 >"$1"; echo "ubiupdatevol: error!: cannot write 131072 bytes to \\"$1\\"" >&2
           echo "             error 5 (Input/output error)" >&2; exit 255;;
  silently) head -c 300000 >"$1"; exit 0;;
esac
: >"$1.updating"
head -c "\${2#--size=}" >"$1"
if [ "$(stat -c %s "$1")" -lt "\${2#--size=}" ]; then
  echo "ubiupdatevol: error!: cannot read 131072 bytes from \\"-\\"" >&2; exit 255
fi
rm "$1.updating"
`;

beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), "ubi-"));
  for (const folder of ["dev", "bin"]) await mkdir(join(root, folder));
  await writeFile(join(root, "bin/ubiupdatevol"), TOOL);
  await chmod(join(root, "bin/ubiupdatevol"), 0o755);
  for (const [index, name] of ["rootfsa", "rootfsb"].entries()) {
    const volume = `/sys/class/ubi/ubi0_${index}`;
    const facts = { name: `${name}\n`, reserved_ebs: "8\n", usable_eb_size: `${LEB}\n`, data_bytes: "777\n" };
    for (const [fact, text] of Object.entries(facts)) await put(`${volume}/${fact}`, text);
    await writeFile(join(root, `dev/ubi0_${index}`), randomBytes(VOLUME_BYTES));
  }
  await put("/proc/self/mountinfo", "");
});
afterEach(() => rm(root, { recursive: true }));

async function put(path: string, text: string): Promise<void> {
  await mkdir(dirname(join(root, path)), { recursive: true });
  await writeFile(join(root, path), text);
}

const node = (): string => join(root, "dev/ubi0_1");
const calls = async (): Promise<string[]> => (await readFile(join(root, "calls"), "utf8")).trim().split("\n");
const isMarked = (): Promise<boolean> =>
  stat(`${node()}.updating`).then(
    () => true,
    () => false,
  );

/**
 * Waits until the tool has marked its volume. From then on the volume holds no image until a complete image has
 * arrived.
 */
const marked = () => vi.waitFor(async () => expect(await isMarked()).toBe(true), { timeout: 10_000 });

function slots({
  b = "ubi0_1",
  booted = "A" as SlotId,
  fail = "",
  path = `${join(root, "bin")}:${process.env["PATH"]}`,
} = {}) {
  const env = { PATH: path, CALLS: join(root, "calls"), FAIL: fail };
  return createUbiSlotDevice({
    paths: { A: "ubi0_0", B: b },
    booted: async () => booted,
    process: createChildProcess({ env, graceMs: 100 }),
    system: createRunningSystem({ root }),
    nodes: join(root, "dev"),
  });
}

async function feed(writer: SlotWriter, image: Uint8Array): Promise<void> {
  for (let at = 0; at < image.length; ) {
    const room = await writer.room();
    const count = Math.min(room.length, 70_000, image.length - at);
    room.set(image.subarray(at, at + count));
    await writer.advance(count);
    at += count;
  }
}

async function install(image: Uint8Array, options: Parameters<typeof slots>[0] = {}, imageBytes = image.length) {
  const writer = await slots(options).open("B", { imageBytes }, never);
  try {
    await feed(writer, image);
    return await writer.sync();
  } finally {
    await writer.close();
  }
}

for (const b of ["ubi0_1", "/dev/ubi0_1"]) {
  test(`the volume ${b} gets the image through the tool and gives it back`, async () => {
    const image = randomBytes(VOLUME_BYTES - 1234);
    expect(await install(image, { b })).toEqual({ writtenBytes: image.length, skippedBytes: 0 });
    expect(await calls()).toEqual([`${node()} --size=${image.length} -`]);
    expect((await readFile(node())).equals(image)).toBe(true);
    expect(await isMarked()).toBe(false);
    const back: Buffer[] = [];
    for await (const chunk of slots({ b }).read("B", image.length, never)) back.push(Buffer.from(chunk));
    expect(Buffer.concat(back).equals(image)).toBe(true);
  });
}

test("an image as large as the volume fits, whatever a static volume holds now; one more byte does not", async () => {
  expect(await install(randomBytes(VOLUME_BYTES))).toMatchObject({ writtenBytes: VOLUME_BYTES });
  await expect(slots().open("B", { imageBytes: VOLUME_BYTES + 1 }, never)).rejects.toMatchObject({
    code: "SLOT_TOO_SMALL",
    detail: { slot: "B", imageBytes: VOLUME_BYTES + 1, slotBytes: VOLUME_BYTES },
  });
  expect((await calls()).length).toBe(1);
});

test("an image can only be written from its beginning, and nothing of it is safe before its end", async () => {
  expect(slots().resumePoint("B", 500_000)).toBe(0);
  const image = randomBytes(600_000);
  const writer = await slots().open("B", { imageBytes: image.length }, never);
  await feed(writer, image.subarray(0, 400_000));
  expect(await writer.checkpoint()).toBe(0);
  await marked();
  await writer.close();
  expect(await isMarked()).toBe(true);
});

test("a writer that is closed early leaves no tool running and a volume that is marked, which the next update mends", async () => {
  const image = randomBytes(VOLUME_BYTES);
  const writer = await slots().open("B", { imageBytes: image.length }, never);
  await feed(writer, image.subarray(0, 300_000));
  await marked();
  await writer.close();
  await writer.close();
  expect(await isMarked()).toBe(true);
  await install(image);
  expect(await isMarked()).toBe(false);
});

for (const [fail, words] of [
  ["at-once", "error 28 (No space left on device)"],
  ["half-way", "error 5 (Input/output error)"],
] as const) {
  test(`a tool that fails ${fail} is an error with its own words`, async () => {
    await expect(install(randomBytes(VOLUME_BYTES), { fail })).rejects.toMatchObject({
      code: "UBI_UPDATE",
      detail: { slot: "B", path: "ubi0_1", status: 255, stderr: expect.stringContaining(words) },
    });
  });
}

test("a tool that exits with 0 before it has read the whole image counts as failed", async () => {
  await expect(install(randomBytes(VOLUME_BYTES), { fail: "silently" })).rejects.toMatchObject({
    code: "SLOT_IO",
    detail: { operation: "write" },
  });
});

test("a board without the tool gets an error that says so", async () => {
  await expect(install(randomBytes(10), { path: join(root, "dev") })).rejects.toMatchObject({
    code: "PROCESS_MISSING",
    detail: { program: "ubiupdatevol" },
  });
});

test("an aborted signal ends the tool, with the signal's reason", async () => {
  const controller = new AbortController();
  const writer = await slots().open("B", { imageBytes: VOLUME_BYTES }, controller.signal);
  await feed(writer, randomBytes(300_000));
  await marked();
  controller.abort(new Error("stop now"));
  await expect(writer.sync()).rejects.toThrow("stop now");
  await writer.close();
  expect(await isMarked()).toBe(true);
});

test("the booted volume is refused", async () => {
  await expect(slots({ booted: "B" }).open("B", { imageBytes: 1 }, never)).rejects.toMatchObject({
    code: "SLOT_BUSY",
    detail: { slot: "B", reason: "booted" },
  });
});

for (const source of ["ubi0_1", "/dev/ubi0_1", "ubi0:rootfsb", "/dev/ubiblock0_1"]) {
  test(`a volume that is mounted as ${source} is refused`, async () => {
    await put("/proc/self/mountinfo", `40 1 0:33 / /mnt ro - ubifs ${source} ro\n`);
    await expect(slots().open("B", { imageBytes: 1 }, never)).rejects.toMatchObject({
      code: "SLOT_BUSY",
      detail: { reason: "mounted" },
    });
  });
}

test("another volume that is mounted does not matter", async () => {
  await put(
    "/proc/self/mountinfo",
    "40 1 0:33 / /mnt ro - ubifs ubi0:rootfsa ro\n41 1 0:34 / /m ro - ubifs ubi0_11 ro\n",
  );
  expect(await install(randomBytes(10))).toMatchObject({ writtenBytes: 10 });
});

test("a volume that is not there is an error that names it, for writing and for reading", async () => {
  const missing = { code: "SLOT_IO", detail: { slot: "B", path: "ubi0_7", reason: "no such volume" } };
  await expect(slots({ b: "ubi0_7" }).open("B", { imageBytes: 1 }, never)).rejects.toMatchObject(missing);
  const reading = slots({ b: "ubi0_7" }).read("B", 1, never)[Symbol.asyncIterator]();
  await expect(reading.next()).rejects.toMatchObject(missing);
});
