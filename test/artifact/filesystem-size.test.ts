import { expect, test } from "vitest";
import { filesystemBytes, SUPERBLOCK_END } from "../../src/artifact/filesystem-size.ts";

const ext = (fields: Readonly<Record<number, number>>): Buffer => {
  const head = Buffer.alloc(SUPERBLOCK_END);
  head.writeUInt16LE(0xef53, 1024 + 0x38);
  for (const [at, value] of Object.entries(fields)) head.writeUInt32LE(value, 1024 + Number(at));
  return head;
};

for (const [what, head, bytes] of [
  ["of 1 KiB blocks", ext({ 4: 24_576, 24: 0 }), 24 * 1024 * 1024],
  ["of 4 KiB blocks", ext({ 4: 1000, 24: 2 }), 4_096_000],
  ["of more than 2^32 blocks", ext({ 4: 1, 24: 2, 96: 0x80, 336: 1 }), (2 ** 32 + 1) * 4096],
  ["without the 64 bit feature", ext({ 4: 1, 24: 2, 96: 0, 336: 1 }), 4096],
] as const)
  test(`the size of an ext4 filesystem ${what} is known`, () => {
    expect(filesystemBytes(head)).toBe(bytes);
  });

test("the size of a squashfs is known, and that of anything else is not", () => {
  const squashfs = Buffer.alloc(SUPERBLOCK_END);
  squashfs.write("hsqs");
  squashfs.writeBigUInt64LE(123_456n, 40);
  expect(filesystemBytes(squashfs)).toBe(123_456);
  expect(filesystemBytes(Buffer.alloc(SUPERBLOCK_END))).toBeUndefined();
  expect(filesystemBytes(ext({ 4: 1 }).subarray(0, SUPERBLOCK_END - 1))).toBeUndefined();
});
