import { open } from "node:fs/promises";
import { crc32 } from "node:zlib";

const MAGIC = 0x06101831;
const HEADER_BYTES = 24;
const INODE = 0;
const INODE_BYTES = 160;
const SUPERBLOCK = 6;
const CHECKSUM_AT = 4;
const ALIGNMENT = 8;
const TYPE_AT = 20;
const LENGTH_AT = 16;
const UUID_AT = 108;
/** Seconds and nanoseconds of the access, the change and the modification of an inode. */
const SECONDS_AT = [56, 64] as const;
const MODIFIED_AT = 72;
const NANOSECONDS_AT = [80, 84, 88] as const;

/**
 * Replaces what mkfs.ubifs takes from chance and from the clock: the identifier of the filesystem, and the times at which
 * the staged files were made. The same files then give the same bytes.
 */
export async function makeStable(path: string, lebBytes: number, uuid: string): Promise<void> {
  const file = await open(path, "r+");
  try {
    const leb = Buffer.alloc(lebBytes);
    for (let position = 0; ; position += lebBytes) {
      const { bytesRead } = await file.read(leb, 0, lebBytes, position);
      if (bytesRead === 0) return;
      if (changeNodes(leb.subarray(0, bytesRead), uuid)) await file.write(leb, 0, bytesRead, position);
    }
  } finally {
    await file.close();
  }
}

/** @returns whether a node was changed */
function changeNodes(leb: Buffer, uuid: string): boolean {
  let changed = false;
  for (let at = 0; at + HEADER_BYTES <= leb.length; ) {
    const node = nodeAt(leb, at);
    if (node === undefined) {
      at += ALIGNMENT;
      continue;
    }
    // mkfs.ubifs writes a shorter node without a type behind the superblock.
    const type = node[TYPE_AT] === INODE && node.length < INODE_BYTES ? undefined : node[TYPE_AT];
    if (type === INODE) changeTimes(node);
    if (type === SUPERBLOCK) Buffer.from(uuid.replaceAll("-", ""), "hex").copy(node, UUID_AT);
    node.writeUInt32LE(checksumOf(node), CHECKSUM_AT);
    changed ||= type === INODE || type === SUPERBLOCK;
    at += Math.ceil(node.length / ALIGNMENT) * ALIGNMENT;
  }
  return changed;
}

/** Padding and tables lie between the nodes, so only a checksum tells that there is one. */
function nodeAt(leb: Buffer, at: number): Buffer | undefined {
  if (leb.readUInt32LE(at) !== MAGIC) return undefined;
  const length = leb.readUInt32LE(at + LENGTH_AT);
  if (length < HEADER_BYTES || at + length > leb.length) return undefined;
  const node = leb.subarray(at, at + length);
  return checksumOf(node) === node.readUInt32LE(CHECKSUM_AT) ? node : undefined;
}

/** UBIFS does not invert the result of the checksum. */
const checksumOf = (node: Buffer): number => ~crc32(node.subarray(CHECKSUM_AT + 4)) >>> 0;

function changeTimes(node: Buffer): void {
  for (const at of SECONDS_AT) node.copyWithin(at, MODIFIED_AT, MODIFIED_AT + 8);
  for (const at of NANOSECONDS_AT) node.writeUInt32LE(0, at);
}
