import fc from "fast-check";
import { expect, test } from "vitest";
import { BLOCK_BYTES, differingRuns } from "../../../adapters/device/differing-runs.ts";

const FRAME_BLOCKS = 256;

/** Runs, in blocks, of a frame in which these blocks differ. */
function runsOf(blocks: readonly number[]): readonly (readonly [number, number])[] {
  const old = Buffer.alloc(FRAME_BLOCKS * BLOCK_BYTES, 1);
  const fresh = Buffer.from(old);
  for (const block of blocks) fresh[block * BLOCK_BYTES + 4095] = 2;
  return differingRuns(fresh, old, fresh.length, old.length).map(
    ({ start, end }) => [start / BLOCK_BYTES, end / BLOCK_BYTES] as const,
  );
}

const range = (count: number, step: number): readonly number[] => Array.from({ length: count }, (_, i) => i * step);

test("an equal frame has no runs, a wholly different one has one", () => {
  expect(runsOf([])).toEqual([]);
  expect(runsOf(range(256, 1))).toEqual([[0, 256]]);
});

test("runs are exact to the block, at both edges too", () => {
  expect(runsOf([0, 2, 3, 100, 255])).toEqual([
    [0, 1],
    [2, 4],
    [100, 101],
    [255, 256],
  ]);
});

test("up to sixteen runs stay exact however near they are", () => {
  expect(runsOf(range(16, 2))).toEqual(range(16, 2).map((block) => [block, block + 1]));
});

test("more than sixteen runs are joined where at most four equal blocks lie between them", () => {
  expect(runsOf(range(17, 2))).toEqual([[0, 33]]);
  expect(runsOf([...range(17, 5), 90])).toEqual([
    [0, 81],
    [90, 91],
  ]);
  expect(runsOf(range(17, 6))).toEqual(range(17, 6).map((block) => [block, block + 1]));
});

test("what is not known of the old content differs", () => {
  const bytes = Buffer.alloc(3 * BLOCK_BYTES);
  expect(differingRuns(bytes, bytes, 2 * BLOCK_BYTES + 1, 0)).toEqual([{ start: 0, end: 2 * BLOCK_BYTES + 1 }]);
  expect(differingRuns(bytes, bytes, 3 * BLOCK_BYTES, BLOCK_BYTES + 1)).toEqual([
    { start: BLOCK_BYTES, end: 3 * BLOCK_BYTES },
  ]);
});

test("the last block may be a part of one", () => {
  const old = Buffer.alloc(2 * BLOCK_BYTES);
  const fresh = Buffer.from(old);
  fresh[BLOCK_BYTES + 99] = 1;
  expect(differingRuns(fresh, old, BLOCK_BYTES + 100, BLOCK_BYTES + 100)).toEqual([
    { start: BLOCK_BYTES, end: BLOCK_BYTES + 100 },
  ]);
  expect(differingRuns(fresh, old, BLOCK_BYTES + 99, BLOCK_BYTES + 99)).toEqual([]);
});

test("a single byte that differs is found wherever it is, in memory of any alignment", () => {
  const offsets = fc.integer({ min: 0, max: 16 * BLOCK_BYTES - 1 });
  fc.assert(
    fc.property(offsets, fc.integer({ min: 0, max: 7 }), fc.boolean(), (at, shift, isFilled) => {
      const frame = (): Buffer => Buffer.alloc(16 * BLOCK_BYTES + shift, isFilled ? 0xa5 : 0).subarray(shift);
      const [fresh, old] = [frame(), frame()];
      fresh.writeUInt8(fresh.readUInt8(at) ^ 1, at);
      const start = at - (at % BLOCK_BYTES);
      expect(differingRuns(fresh, old, fresh.length, old.length)).toEqual([{ start, end: start + BLOCK_BYTES }]);
    }),
  );
});
