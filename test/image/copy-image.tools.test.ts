import { randomBytes } from "node:crypto";
import { mkdtemp, open, readFile, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { copyInto } from "../../image/copy-image.ts";
import { dataRanges, parseRanges } from "../../image/data-ranges.ts";
import { DiskImage } from "../../image/disk-image.ts";

const MIB = 1024 * 1024;
const SIZE = 100 * MIB + 1234;
/** At the edges of blocks, of the pieces that are copied, and of the file. */
const PLACES = [0, 2 * MIB - 4096, 10 * MIB + 512, 63 * MIB + 4095, 64 * MIB, SIZE - 100];

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "switchback-copy-"));
});
afterAll(() => rm(folder, { recursive: true }));

async function sparseFile(path: string, places: readonly number[]): Promise<void> {
  const file = await open(path, "w");
  await file.truncate(SIZE);
  for (const place of places) await file.write(randomBytes(100), 0, 100, place);
  await file.close();
}

async function copied(path: string): Promise<Buffer> {
  const image = await DiskImage.create(join(folder, "disk"), 110 * MIB);
  await copyInto(image, 5 * MIB, path, { room: SIZE, place: "rootfsA" });
  await image.flush();
  await image.close();
  const bytes = (await readFile(image.path)).subarray(5 * MIB, 5 * MIB + SIZE);
  await rm(image.path);
  return bytes;
}

test.each([
  ["data at the edges", PLACES],
  ["no data", []],
  ["data only at the end", PLACES.slice(-1)],
])("a sparse file comes whole into the image: %s", async (_, places) => {
  const path = join(folder, "sparse.img");
  await sparseFile(path, places);
  expect(Buffer.compare(await copied(path), await readFile(path))).toBe(0);
});

test("where the filesystem knows the holes, they are not read", async () => {
  const path = join(folder, "holes.img");
  await sparseFile(path, PLACES);
  const ranges = await dataRanges(path, await stat(path));
  // Some file systems, such as tmpfs, do not tell filefrag.
  if (ranges === undefined) return;
  for (const place of PLACES) expect(ranges.some(({ start, end }) => start <= place && place + 100 <= end)).toBe(true);
  expect(ranges.reduce((sum, { start, end }) => sum + end - start, 0)).toBeLessThan(2 * MIB);
});

test("a dense or a small file is read without asking", async () => {
  expect(await dataRanges("/nowhere", { size: SIZE, blocks: SIZE / 512 })).toBeUndefined();
  expect(await dataRanges("/nowhere", { size: MIB, blocks: 0 })).toBeUndefined();
});

const TWO = `Filesystem type is: ef53
File size of a (b) is 104857600 (25600 blocks of 4096 bytes)
 ext:     logical_offset:        physical_offset: length:   expected: flags:
   0:     2560..    3327:      34816..     35583:    768:
   1:    20000..   20000:          0..         0:      0:             last,unknown_loc,delalloc
a (b): 2 extents found
`;
const END = / last.*\n/;

test.each([
  [
    "two ranges",
    TWO,
    [
      { start: 2560 * 4096, end: 3328 * 4096 },
      { start: 20_000 * 4096, end: 20_001 * 4096 },
    ],
  ],
  [
    "blocks of another size",
    TWO.replace("4096 bytes", "1024 bytes"),
    [
      { start: 2560 * 1024, end: 3328 * 1024 },
      { start: 20_000 * 1024, end: 20_001 * 1024 },
    ],
  ],
  ["no data", "File size of a is 104857600 (25600 blocks of 4096 bytes)\na: 0 extents found\n", []],
  ["a list without its last extent", TWO.replace(END, "\n"), undefined],
  ["a list with a gap", TWO.replace("   1:", "   2:"), undefined],
  ["an empty list without the count", "File size of a is 104857600 (25600 blocks of 4096 bytes)\n", undefined],
  ["another size", TWO.replace("104857600", "104857601"), undefined],
  ["nothing", "", undefined],
])("filefrag says: %s", (_, said, ranges) => {
  expect(parseRanges(said, 104_857_600)).toEqual(ranges);
});
