import { createCipheriv } from "node:crypto";
import { gunzipSync, gzipSync } from "node:zlib";
import { expect, test } from "vitest";
import { gzipMember as inParts } from "../../../src/artifact/compression/gzip-members.ts";
import { OUTPUT_BYTES } from "../../../src/artifact/compression/pieces.ts";
import { createRestartPoints, type RestartPoints } from "../../../src/artifact/compression/restart-points.ts";

const MIB = 1024 * 1024;
const START = { packedByte: 0, plainByte: 0 };
const gzipMember = async (plain: Buffer): Promise<Buffer> =>
  Buffer.concat(await inParts(plain, Buffer.alloc(OUTPUT_BYTES)));
const piece = (seed: number, bytes = MIB): Buffer =>
  createCipheriv("aes-128-ctr", Buffer.alloc(16, seed), Buffer.alloc(16)).update(Buffer.alloc(bytes));

function passed(format: "gzip" | "zstd", packed: Buffer, chunkBytes: number, from = START): RestartPoints {
  const starts = createRestartPoints(format, from);
  if (starts === undefined) throw new Error("no starts");
  for (let at = 0; at < packed.length; at += chunkBytes) starts.pass(packed.subarray(at, at + chunkBytes));
  return starts;
}

for (const chunkBytes of [7, 4096, 10 * MIB]) {
  test(`members of our writer are found in chunks of ${chunkBytes} bytes, and decompression begins at each`, async () => {
    const plain = [piece(1), piece(2), piece(3)];
    const packed = Buffer.concat(await Promise.all(plain.map(gzipMember)));
    const starts = passed("gzip", packed, chunkBytes);
    expect(starts.lastBefore(MIB - 1)).toBeUndefined();
    for (const [at, plainByte] of [
      [MIB, MIB],
      [2 * MIB - 1, MIB],
      [2 * MIB, 2 * MIB],
    ] as const) {
      const start = starts.lastBefore(at);
      expect(start?.plainByte).toBe(plainByte);
      expect(gunzipSync(packed.subarray(start?.packedByte)).equals(Buffer.concat(plain).subarray(plainByte))).toBe(
        true,
      );
    }
  });
}

test("after a restart places are counted from where it began", async () => {
  const packed = Buffer.concat(await Promise.all([piece(1), piece(2)].map(gzipMember)));
  const [first] = [(await gzipMember(piece(1))).length];
  const starts = passed("gzip", packed, 1000, { packedByte: 500, plainByte: 7 * MIB });
  expect(starts.lastBefore(8 * MIB)).toEqual({ packedByte: 500 + first, plainByte: 8 * MIB });
});

test("gzip of another writer has no starts, and ends the search if it follows ours", async () => {
  expect(passed("gzip", gzipSync(piece(1, 2 * MIB)), 5000).lastBefore(2 * MIB)).toBeUndefined();
  const mixed = Buffer.concat([await gzipMember(piece(1)), gzipSync(piece(2)), await gzipMember(piece(3))]);
  expect(passed("gzip", mixed, 5000).lastBefore(3 * MIB)?.plainByte).toBe(MIB);
});

test("members of a few bytes are not all remembered", async () => {
  const tiny = await gzipMember(Buffer.alloc(10));
  const starts = passed("gzip", Buffer.concat(Array.from({ length: 30_000 }, () => tiny)), MIB);
  expect(starts.lastBefore(300_000)?.plainByte).toBeLessThan(MIB / 2);
  expect(Object.values(starts.lastBefore(300_000) ?? {})).not.toEqual([0, 0]);
});

/** Frames by hand. @see RFC 8878 */
const rawFrame = (head: string, plain: Buffer): Buffer => {
  const blockHead = Buffer.alloc(3);
  blockHead.writeUIntLE((plain.length << 3) | 1, 0, 3);
  return Buffer.concat([Buffer.from(head, "hex"), blockHead, plain]);
};

test("zstd frames that state their length are found, whatever the width of the field", () => {
  const plain = piece(1, 100_000);
  const narrow = rawFrame(`28b52ffd60${"a085"}`, plain.subarray(0, 0x85a0 + 256));
  const wide = rawFrame(`28b52ffda0${"a0860100"}`, plain);
  const widest = rawFrame(`28b52ffde0${"a086010000000000"}`, plain);
  const packed = Buffer.concat([narrow, wide, widest, wide, wide, wide, wide]);
  const total = 0x85a0 + 256 + 6 * plain.length;
  const start = passed("zstd", packed, 333).lastBefore(total - 1);
  expect(start?.plainByte).toBe(0x85a0 + 256 + 3 * plain.length);
  expect(packed.readUInt32LE(start?.packedByte)).toBe(0xfd2fb528);
});

for (const [title, bytes] of [
  ["a frame that does not tell its length", "28b52ffd0000"],
  ["a reserved type of block", "28b52ffd200a07"],
  ["no magic number", "0123456789abcdef"],
] as const) {
  test(`${title} ends the search`, () => {
    const starts = passed("zstd", Buffer.concat([Buffer.from(bytes, "hex"), Buffer.alloc(MIB)]), 100);
    expect(starts.lastBefore(MIB)).toBeUndefined();
  });
}

test("what is not compressed is read from anywhere, and xz from nowhere", () => {
  expect(createRestartPoints("none", START)?.lastBefore(12_345)).toEqual({ packedByte: 12_345, plainByte: 12_345 });
  expect(createRestartPoints("lzma", START)).toBeUndefined();
});
