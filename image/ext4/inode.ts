import { AgentError } from "../../src/errors/agent-error.ts";
import type { EntryKind, TreeEntry } from "../tree/entry.ts";
import type { Extent } from "./allocator.ts";
import { EXT4_BLOCK, INODE_BYTES } from "./geometry.ts";

const FORMATS: Readonly<Record<Exclude<EntryKind, "hardlink">, number>> = {
  fifo: 0x1000,
  character: 0x2000,
  folder: 0x4000,
  block: 0x6000,
  file: 0x8000,
  symlink: 0xa000,
};
const EXTENTS_FLAG = 0x80000;
const EXTENT_MAGIC = 0xf30a;
const EXTENT_HEADER = 12;
const EXTENT_ENTRY = 12;
const IN_INODE_EXTENTS = 4;
const BLOCKS_AT = 40;
/** Longer targets of symlinks need a block. */
export const SHORT_TARGET = 59;
const EXTRA_BYTES = 32;
const ATTRIBUTES_AT = 128 + EXTRA_BYTES;
const ATTRIBUTE_MAGIC = 0xea020000;
const ATTRIBUTE_HEADER = 16;
const PREFIXES: readonly (readonly [prefix: string, index: number])[] = [
  ["user.", 1],
  ["trusted.", 4],
  ["security.", 6],
];

export interface InodeContent {
  readonly entry: Pick<
    TreeEntry,
    "path" | "mode" | "uid" | "gid" | "mtime" | "target" | "major" | "minor" | "attributes"
  >;
  readonly kind: Exclude<EntryKind, "hardlink">;
  readonly sizeBytes: number;
  readonly links: number;
  readonly extents: readonly Extent[];
  /** The block with the extents that the inode has no room for. */
  readonly tree?: Extent | undefined;
}

export const needsTree = (extents: readonly Extent[]): boolean => extents.length > IN_INODE_EXTENTS;

export function encodeInode({ entry, kind, sizeBytes, links, extents, tree }: InodeContent): Buffer {
  const inode = Buffer.alloc(INODE_BYTES);
  const blocks = [...extents, ...(tree === undefined ? [] : [tree])].reduce((sum, { length }) => sum + length, 0);
  const isInline = kind === "symlink" && extents.length === 0;
  inode.writeUInt16LE(FORMATS[kind] | entry.mode, 0);
  inode.writeUInt16LE(entry.uid & 0xffff, 2);
  inode.writeUInt32LE(sizeBytes % 2 ** 32, 4);
  for (const at of [8, 12, 16, 144]) inode.writeUInt32LE(entry.mtime % 2 ** 32, at);
  // The time after 2038 takes two more bits.
  const epoch = Math.floor((entry.mtime + 2 ** 31) / 2 ** 32) & 3;
  for (const at of [132, 136, 140, 148]) inode.writeUInt32LE(epoch, at);
  inode.writeUInt16LE(entry.gid & 0xffff, 24);
  inode.writeUInt16LE(links, 26);
  inode.writeUInt32LE(blocks * (EXT4_BLOCK / 512), 28);
  inode.writeUInt32LE(Math.floor(sizeBytes / 2 ** 32), 108);
  inode.writeUInt16LE(Math.floor(entry.uid / 65536), 120);
  inode.writeUInt16LE(Math.floor(entry.gid / 65536), 122);
  inode.writeUInt16LE(EXTRA_BYTES, 128);
  if (kind === "character" || kind === "block")
    inode.writeUInt32LE(deviceNumber(entry.major, entry.minor), BLOCKS_AT + 4);
  else if (isInline) inode.write(entry.target, BLOCKS_AT, "latin1");
  else if (kind !== "fifo") {
    inode.writeUInt32LE(EXTENTS_FLAG, 32);
    if (tree === undefined) encodeExtents(extents, IN_INODE_EXTENTS).copy(inode, BLOCKS_AT);
    else encodeIndex(tree).copy(inode, BLOCKS_AT);
  }
  encodeAttributes(entry.path, entry.attributes).copy(inode, ATTRIBUTES_AT);
  return inode;
}

/** The block that holds all extents of a file with many. @throws {AgentError} IMAGE_SPACE */
export function encodeTree(extents: readonly Extent[], place: string): Buffer {
  const room = Math.floor((EXT4_BLOCK - EXTENT_HEADER) / EXTENT_ENTRY);
  if (extents.length > room)
    throw new AgentError("IMAGE_SPACE", { place, needs: `${extents.length} extents`, has: room });
  const block = Buffer.alloc(EXT4_BLOCK);
  encodeExtents(extents, room).copy(block);
  return block;
}

function encodeExtents(extents: readonly Extent[], room: number): Buffer {
  const bytes = Buffer.alloc(EXTENT_HEADER + extents.length * EXTENT_ENTRY);
  extentHeader(bytes, extents.length, room, 0);
  let block = 0;
  for (const [index, { start, length }] of extents.entries()) {
    const at = EXTENT_HEADER + index * EXTENT_ENTRY;
    bytes.writeUInt32LE(block, at);
    bytes.writeUInt16LE(length, at + 4);
    bytes.writeUInt32LE(start, at + 8);
    block += length;
  }
  return bytes;
}

function encodeIndex({ start }: Extent): Buffer {
  const bytes = Buffer.alloc(EXTENT_HEADER + EXTENT_ENTRY);
  extentHeader(bytes, 1, IN_INODE_EXTENTS, 1);
  bytes.writeUInt32LE(start, EXTENT_HEADER + 4);
  return bytes;
}

function extentHeader(bytes: Buffer, count: number, room: number, depth: number): void {
  bytes.writeUInt16LE(EXTENT_MAGIC, 0);
  bytes.writeUInt16LE(count, 2);
  bytes.writeUInt16LE(room, 4);
  bytes.writeUInt16LE(depth, 6);
}

/** Linux's form for numbers above 255. */
const deviceNumber = (major: number, minor: number): number =>
  ((minor & 0xff) | (major << 8) | ((minor & ~0xff) << 12)) >>> 0;

/** The attributes between the end of the inode's fields and its end, sorted as the kernel does. */
function encodeAttributes(path: string, attributes: ReadonlyMap<string, Buffer>): Buffer {
  const bytes = Buffer.alloc(INODE_BYTES - ATTRIBUTES_AT);
  const kept = [...attributes].flatMap(([name, value]) => {
    const [prefix, index] = PREFIXES.find(([prefix]) => name.startsWith(prefix)) ?? [];
    return prefix === undefined || index === undefined ? [] : [{ index, name: name.slice(prefix.length), value }];
  });
  if (kept.length === 0) return bytes;
  bytes.writeUInt32LE(ATTRIBUTE_MAGIC, 0);
  let at = 4;
  let end = bytes.length;
  for (const { index, name, value } of kept) {
    const next = at + ATTRIBUTE_HEADER + roundUp(name.length);
    end -= roundUp(value.length);
    // Four zero bytes end the list.
    if (next + 4 > end) {
      const reason = `${path}: its extended attributes are too long for an inode`;
      throw new AgentError("IMAGE_INPUT", { path, reason });
    }
    bytes[at] = name.length;
    bytes[at + 1] = index;
    bytes.writeUInt16LE(end - 4, at + 2);
    bytes.writeUInt32LE(value.length, at + 8);
    bytes.write(name, at + ATTRIBUTE_HEADER, "latin1");
    value.copy(bytes, end);
    at = next;
  }
  return bytes;
}

const roundUp = (length: number): number => Math.ceil(length / 4) * 4;
