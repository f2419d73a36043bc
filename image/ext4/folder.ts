import type { EntryKind } from "../tree/entry.ts";
import { EXT4_BLOCK } from "./geometry.ts";

const HEADER = 8;
const TYPES: Readonly<Record<Exclude<EntryKind, "hardlink">, number>> = {
  file: 1,
  folder: 2,
  character: 3,
  block: 4,
  fifo: 5,
  symlink: 7,
};

/** A name in a folder. One character for each byte. */
export interface Name {
  readonly name: string;
  readonly inode: number;
  readonly kind: Exclude<EntryKind, "hardlink">;
}

/** The blocks of a folder. The last entry of each block reaches to the end of the block. */
export function encodeFolder(own: number, parent: number, names: readonly Name[]): Buffer {
  const all: readonly Name[] = [
    { name: ".", inode: own, kind: "folder" },
    { name: "..", inode: parent, kind: "folder" },
    ...names,
  ];
  const blocks: Buffer[] = [];
  let block = Buffer.alloc(EXT4_BLOCK);
  let [at, last] = [0, 0];
  const close = (): void => {
    block.writeUInt16LE(EXT4_BLOCK - last, last + 4);
    blocks.push(block);
  };
  for (const { name, inode, kind } of all) {
    const length = HEADER + Math.ceil(name.length / 4) * 4;
    if (at + length > EXT4_BLOCK) {
      close();
      block = Buffer.alloc(EXT4_BLOCK);
      [at, last] = [0, 0];
    }
    block.writeUInt32LE(inode, at);
    block.writeUInt16LE(length, at + 4);
    block[at + 6] = name.length;
    block[at + 7] = TYPES[kind];
    block.write(name, at + HEADER, "latin1");
    last = at;
    at += length;
  }
  close();
  return Buffer.concat(blocks);
}
