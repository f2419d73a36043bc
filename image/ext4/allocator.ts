import { AgentError } from "../../src/errors/agent-error.ts";
import { EXT4_BLOCK, type Geometry } from "./geometry.ts";

/** Consecutive blocks. */
export interface Extent {
  readonly start: number;
  readonly length: number;
}

/** The largest extent of initialised blocks. */
const MAX_EXTENT = 32768;

/** Hands out blocks and inodes in their order. Blocks that are given back are free, but not handed out again. */
export class Allocator {
  readonly #geometry: Geometry;
  readonly #blocks: readonly Buffer[];
  readonly #inodes: readonly Buffer[];
  readonly #place: string;
  #nextBlock = 0;
  #nextInode: number;

  /** @param place names the filesystem in messages */
  constructor(geometry: Geometry, blockBitmaps: readonly Buffer[], inodeBitmaps: readonly Buffer[], place: string) {
    this.#geometry = geometry;
    this.#blocks = blockBitmaps;
    this.#inodes = inodeBitmaps;
    this.#place = place;
    this.#nextInode = geometry.firstInode;
  }

  /** @throws {AgentError} IMAGE_SPACE */
  blocksFor(sizeBytes: number): readonly Extent[] {
    const extents: Extent[] = [];
    for (let left = Math.ceil(sizeBytes / EXT4_BLOCK); left > 0; ) {
      const start = this.#firstFree(sizeBytes);
      let length = 0;
      while (length < left && length < MAX_EXTENT && this.#isFree(start + length)) {
        this.#set(start + length, true);
        length++;
      }
      this.#nextBlock = start + length;
      left -= length;
      extents.push({ start, length });
    }
    return extents;
  }

  release({ start, length }: Extent): void {
    for (let block = start; block < start + length; block++) this.#set(block, false);
  }

  /** @throws {AgentError} IMAGE_SPACE */
  inode(isFolder: boolean): number {
    const { inodes, inodesPerGroup, groups } = this.#geometry;
    for (; this.#nextInode <= inodes; this.#nextInode++) {
      const index = this.#nextInode - 1;
      const [at, bit] = [Math.floor(index / inodesPerGroup), index % inodesPerGroup];
      const [bitmap, group] = [this.#inodes[at], groups[at]];
      if (bitmap === undefined || group === undefined || isSet(bitmap, bit)) continue;
      setBit(bitmap, bit, true);
      group.freeInodes--;
      if (isFolder) group.usedFolders++;
      return this.#nextInode++;
    }
    throw new AgentError("IMAGE_SPACE", { place: this.#place, needs: "more files", has: inodes });
  }

  releaseInode(inode: number): void {
    const { inodesPerGroup, groups } = this.#geometry;
    const [at, bit] = [Math.floor((inode - 1) / inodesPerGroup), (inode - 1) % inodesPerGroup];
    const [bitmap, group] = [this.#inodes[at], groups[at]];
    if (bitmap === undefined || group === undefined) return;
    setBit(bitmap, bit, false);
    group.freeInodes++;
  }

  #firstFree(sizeBytes: number): number {
    const { blocks, blocksPerGroup } = this.#geometry;
    let block = this.#nextBlock;
    while (block < blocks && !this.#isFree(block)) {
      const bitmap = this.#blocks[Math.floor(block / blocksPerGroup)];
      const byte = (block % blocksPerGroup) >> 3;
      block += block % 8 === 0 && bitmap?.[byte] === 0xff ? 8 : 1;
    }
    if (block < blocks) return block;
    const has = blocks * EXT4_BLOCK;
    throw new AgentError("IMAGE_SPACE", {
      place: this.#place,
      needs: `more than ${has}, at a file of ${sizeBytes}`,
      has,
    });
  }

  #isFree(block: number): boolean {
    if (block >= this.#geometry.blocks) return false;
    const { blocksPerGroup } = this.#geometry;
    const bitmap = this.#blocks[Math.floor(block / blocksPerGroup)];
    return bitmap !== undefined && !isSet(bitmap, block % blocksPerGroup);
  }

  #set(block: number, isUsed: boolean): void {
    const { blocksPerGroup, groups } = this.#geometry;
    const at = Math.floor(block / blocksPerGroup);
    const [bitmap, group] = [this.#blocks[at], groups[at]];
    if (bitmap === undefined || group === undefined) return;
    setBit(bitmap, block % blocksPerGroup, isUsed);
    group.freeBlocks += isUsed ? -1 : 1;
  }
}

export const isSet = (bitmap: Uint8Array, bit: number): boolean => ((bitmap[bit >> 3] ?? 0) & (1 << (bit & 7))) !== 0;

function setBit(bitmap: Uint8Array, bit: number, value: boolean): void {
  const mask = 1 << (bit & 7);
  const byte = bitmap[bit >> 3] ?? 0;
  bitmap[bit >> 3] = value ? byte | mask : byte & ~mask;
}
