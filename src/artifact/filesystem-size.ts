/** Bytes from the start of an image that `filesystemBytes` needs. */
export const SUPERBLOCK_END = 2048;

const EXT_SUPERBLOCK = 1024;
const EXT_MAGIC = 0xef53;
const EXT_64_BIT = 0x80;
const SQUASHFS_MAGIC = 0x73717368;

/** The size of the ext2, ext3, ext4 or squashfs filesystem that an image begins with; `undefined` for any other. */
export function filesystemBytes(head: Buffer): number | undefined {
  if (head.length < SUPERBLOCK_END) return undefined;
  if (head.readUInt32LE(0) === SQUASHFS_MAGIC) return Number(head.readBigUInt64LE(40));
  const ext = head.subarray(EXT_SUPERBLOCK);
  if (ext.readUInt16LE(0x38) !== EXT_MAGIC) return undefined;
  const high = (ext.readUInt32LE(0x60) & EXT_64_BIT) === 0 ? 0 : ext.readUInt32LE(0x150);
  return (high * 2 ** 32 + ext.readUInt32LE(4)) * 1024 * 2 ** ext.readUInt32LE(0x18);
}
