import { mkdtemp, open, readFile, rm, truncate, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { afterAll, beforeAll, expect, test } from "vitest";
import { writeBoardImage } from "../../../../adapters/bootloader/fake/board.ts";
import { inspectSlot } from "../../../../adapters/bootloader/fake/board-image.ts";

let folder = "";
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "switchback-image-"));
});
afterAll(() => rm(folder, { recursive: true }));

const SIZE = 300_000;

for (const boots of ["yes", "hangs", "panics"] as const) {
  test(`an image that boots "${boots}" is recognised, also at the start of a larger slot`, async () => {
    const path = join(folder, boots);
    await writeBoardImage(path, "v2", SIZE, boots);
    expect((await readFile(path)).length).toBe(SIZE);
    await truncate(path, 1_000_000);
    expect(await inspectSlot(path)).toEqual({ kind: "complete", version: "v2", boots, sizeBytes: SIZE });
  });
}

test("the same version and size give the same bytes, another version shares most of them", async () => {
  const bytes = await Promise.all(
    ["v2", "v2", "v3"].map(async (version, index) => {
      await writeBoardImage(join(folder, `same${index}`), version, 1_048_576, "yes");
      return readFile(join(folder, `same${index}`));
    }),
  );
  const [first, again, other] = bytes;
  expect(first?.equals(again ?? Buffer.alloc(0))).toBe(true);
  const same = Array.from({ length: 256 }, (_, page) => page * 4096).filter(
    (at) => first?.subarray(at, at + 4096).equals(other?.subarray(at, at + 4096) ?? Buffer.alloc(0)) === true,
  );
  expect(same.length).toBeGreaterThan(180);
  expect(same.length).toBeLessThan(256);
});

test("an image compresses about as well as a root file system does", async () => {
  await writeBoardImage(join(folder, "gz"), "v2", 1_048_576, "yes");
  const ratio = gzipSync(await readFile(join(folder, "gz"))).length / 1_048_576;
  expect(ratio).toBeGreaterThan(0.15);
  expect(ratio).toBeLessThan(0.4);
});

test("a single flipped bit anywhere makes the image torn", async () => {
  const path = join(folder, "flip");
  for (const at of [512, 100_000, SIZE - 1]) {
    await writeBoardImage(path, "v2", SIZE, "yes");
    const file = await open(path, "r+");
    const byte = Buffer.alloc(1);
    await file.read(byte, 0, 1, at);
    await file.write(Buffer.from([byte.readUInt8() ^ 1]), 0, 1, at);
    await file.close();
    expect(await inspectSlot(path)).toEqual({ kind: "torn", version: "v2" });
  }
});

test("an image that was only half written is torn", async () => {
  const path = join(folder, "half");
  await writeBoardImage(path, "v2", SIZE, "yes");
  await truncate(path, SIZE / 2);
  expect(await inspectSlot(path)).toEqual({ kind: "torn", version: "v2" });
  await truncate(path, SIZE);
  expect(await inspectSlot(path)).toEqual({ kind: "torn", version: "v2" });
});

for (const [title, content] of [
  ["an empty file", ""],
  ["zeros", "\0".repeat(4096)],
  ["another header", "SWITCHBACK-BOARD-IMAGE 2 {}".padEnd(4096)],
  ["a header that is not JSON", `SWITCHBACK-BOARD-IMAGE 1 {`.padEnd(511) + "\n".padEnd(100)],
  [
    "a header without a size",
    `${`SWITCHBACK-BOARD-IMAGE 1 {"version":"v1","boots":"yes","sha256":"x"}`.padEnd(511)}\n`,
  ],
  [
    "a header with a kind of start that nobody knows",
    `${`SWITCHBACK-BOARD-IMAGE 1 {"version":"v1","boots":"maybe","sizeBytes":512,"sha256":"x"}`.padEnd(511)}\n`,
  ],
  ["a header of null", `${"SWITCHBACK-BOARD-IMAGE 1 null".padEnd(511)}\n`],
] as const) {
  test(`${title} is no system at all`, async () => {
    await writeFile(join(folder, "nothing"), content);
    expect(await inspectSlot(join(folder, "nothing"))).toEqual({ kind: "nothing" });
  });
}

test("a version or size that no header can hold is refused, and a slot that cannot be read is named", async () => {
  const path = join(folder, "refused");
  for (const [version, size] of [
    ["", 4096],
    ["a b", 4096],
    ["é", 4096],
    ["x".repeat(129), 4096],
    ["v1", 511],
    ["v1", 1000.5],
  ] as const) {
    await expect(writeBoardImage(path, version, size, "yes")).rejects.toMatchObject({ code: "BOARD_IMAGE" });
  }
  await expect(inspectSlot(join(folder, "absent"))).rejects.toMatchObject({ code: "BOARD_IO" });
  await expect(writeBoardImage(join(folder, "no", "folder"), "v1", 4096, "yes")).rejects.toMatchObject({
    code: "BOARD_IO",
  });
});

test("the longest version with the most escapes still fits", async () => {
  const version = '"'.repeat(128);
  await writeBoardImage(join(folder, "long"), version, SIZE, "panics");
  expect(await inspectSlot(join(folder, "long"))).toMatchObject({ kind: "complete", version });
});
