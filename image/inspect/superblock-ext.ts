import type { FileSystemReport } from "./report.ts";
import { labelOf, type ReadAt, uuidOf } from "./superblock.ts";

const SUPERBLOCK_AT = 1024;
const SUPERBLOCK_BYTES = 1024;
const CLEAN = 1;
const ERRORS = 2;
const HAS_JOURNAL = 0x4;
const NEEDS_RECOVERY = 0x4;
const IS_64_BIT = 0x80;
/** Features that only ext4 has: extents, 64 bits, flexible groups. */
const EXT4_INCOMPATIBLE = 0x40 | IS_64_BIT | 0x200;

/** @see Linux, Documentation/filesystems/ext4/super.rst */
export async function describeExt(read: ReadAt): Promise<FileSystemReport> {
  const block = await read(SUPERBLOCK_AT, SUPERBLOCK_BYTES);
  const [compatible, incompatible] = [block.readUInt32LE(92), block.readUInt32LE(96)];
  const wide = (low: number, high: number): number =>
    block.readUInt32LE(low) + ((incompatible & IS_64_BIT) === 0 ? 0 : block.readUInt32LE(high) * 2 ** 32);
  const blockBytes = 1024 << Math.min(block.readUInt32LE(24), 16);
  const state = block.readUInt16LE(58);
  const extOnly = (compatible & HAS_JOURNAL) === 0 ? "ext2" : "ext3";
  const type = (incompatible & EXT4_INCOMPATIBLE) === 0 ? extOnly : "ext4";
  const [count, free] = [wide(4, 336), wide(12, 344)];
  return {
    type,
    ...labelOf(block.subarray(120, 136)),
    uuid: uuidOf(block.subarray(104, 120)),
    size: count * blockBytes,
    used: (count - free) * blockBytes,
    clean: (state & CLEAN) !== 0 && (state & ERRORS) === 0 && (incompatible & NEEDS_RECOVERY) === 0,
  };
}
