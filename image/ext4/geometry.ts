import { AgentError } from "../../src/errors/agent-error.ts";

export const EXT4_BLOCK = 4096;
export const INODE_BYTES = 256;
const SUPERBLOCK_AT = 1024;
const DESCRIPTOR_BYTES = 32;
const MAGIC = 0xef53;

/** One group of blocks: where its tables are, and the counters of its descriptor. */
export interface Group {
  readonly blockBitmap: number;
  readonly inodeBitmap: number;
  readonly inodeTable: number;
  freeBlocks: number;
  freeInodes: number;
  usedFolders: number;
}

/** An ext4 filesystem without content, as `mke2fs` creates it: its first blocks, which hold all counters. */
export class Geometry {
  readonly blocks: number;
  readonly inodes: number;
  readonly blocksPerGroup: number;
  readonly inodesPerGroup: number;
  readonly firstInode: number;
  readonly groups: Group[];
  readonly #head: Buffer;

  /** @param head superblock and group descriptors: the first `headBytes` of the filesystem */
  constructor(head: Buffer) {
    this.#head = head;
    const u32 = (at: number): number => head.readUInt32LE(SUPERBLOCK_AT + at);
    const isExpected = head.readUInt16LE(SUPERBLOCK_AT + 0x38) === MAGIC && u32(0x18) === 2;
    if (!isExpected || head.readUInt16LE(SUPERBLOCK_AT + 0x58) !== INODE_BYTES) {
      throw new AgentError("IMAGE_TOOL_FAILED", { program: "mke2fs", reason: "it made a filesystem of another kind" });
    }
    this.inodes = u32(0);
    this.blocks = u32(4);
    this.blocksPerGroup = u32(0x20);
    this.inodesPerGroup = u32(0x28);
    this.firstInode = u32(0x54);
    const count = Math.ceil(this.blocks / this.blocksPerGroup);
    this.groups = Array.from({ length: count }, (_, index) => {
      const at = EXT4_BLOCK + index * DESCRIPTOR_BYTES;
      return {
        blockBitmap: head.readUInt32LE(at),
        inodeBitmap: head.readUInt32LE(at + 4),
        inodeTable: head.readUInt32LE(at + 8),
        freeBlocks: head.readUInt16LE(at + 12),
        freeInodes: head.readUInt16LE(at + 14),
        usedFolders: head.readUInt16LE(at + 16),
      };
    });
  }

  static headBytes(sizeBytes: number): number {
    const groups = Math.ceil(sizeBytes / EXT4_BLOCK / (8 * EXT4_BLOCK));
    return EXT4_BLOCK + Math.ceil((groups * DESCRIPTOR_BYTES) / EXT4_BLOCK) * EXT4_BLOCK;
  }

  inodeOffset(inode: number): number {
    const index = inode - 1;
    const group = this.groups[Math.floor(index / this.inodesPerGroup)];
    return (group?.inodeTable ?? 0) * EXT4_BLOCK + (index % this.inodesPerGroup) * INODE_BYTES;
  }

  /** The first blocks with the present counters. */
  encoded(): Buffer {
    const head = Buffer.from(this.#head);
    const sum = (field: "freeBlocks" | "freeInodes"): number =>
      this.groups.reduce((all, group) => all + group[field], 0);
    head.writeUInt32LE(sum("freeBlocks"), SUPERBLOCK_AT + 0x0c);
    head.writeUInt32LE(sum("freeInodes"), SUPERBLOCK_AT + 0x10);
    for (const [index, { freeBlocks, freeInodes, usedFolders }] of this.groups.entries()) {
      const at = EXT4_BLOCK + index * DESCRIPTOR_BYTES;
      head.writeUInt16LE(freeBlocks, at + 12);
      head.writeUInt16LE(freeInodes, at + 14);
      head.writeUInt16LE(usedFolders, at + 16);
    }
    return head;
  }
}
