import type { DiskImage } from "../disk-image.ts";
import { type Geometry, INODE_BYTES } from "./geometry.ts";

const BUFFER_BYTES = 256 * 1024;
const LINKS_AT = 26;
const DELETED_AT = 20;

/** Gathers the inodes of files, which come in the order of their numbers, so that the table is written in large pieces. */
export class InodeTable {
  readonly #image: DiskImage;
  readonly #offset: number;
  readonly #geometry: Geometry;
  readonly #buffer = Buffer.alloc(BUFFER_BYTES);
  readonly #links = new Map<number, number>();
  #start = 0;
  #length = 0;

  constructor(image: DiskImage, offset: number, geometry: Geometry) {
    this.#image = image;
    this.#offset = offset;
    this.#geometry = geometry;
  }

  async put(inode: number, bytes: Buffer): Promise<void> {
    const position = this.#geometry.inodeOffset(inode);
    const at = position - this.#start;
    if (this.#length === 0 || at < this.#length || at + INODE_BYTES > BUFFER_BYTES) await this.#flush(position);
    bytes.copy(this.#buffer, position - this.#start);
    this.#length = position - this.#start + INODE_BYTES;
  }

  /** Changes the number of names that an inode has. */
  setLinks(inode: number, links: number): void {
    this.#links.set(inode, links);
  }

  /** Writes all that was put. */
  async finish(time: number): Promise<void> {
    await this.#flush(0);
    for (const [inode, links] of this.#links) {
      const bytes = Buffer.alloc(2);
      bytes.writeUInt16LE(links);
      await this.#patch(inode, LINKS_AT, bytes);
      if (links > 0) continue;
      // An inode without names must say when it was deleted.
      const deleted = Buffer.alloc(4);
      deleted.writeUInt32LE(time);
      await this.#patch(inode, DELETED_AT, deleted);
    }
  }

  /** Writes the inode of a folder, which may lie anywhere. Only after `finish`. */
  async putFolder(inode: number, bytes: Buffer): Promise<void> {
    await this.#image.write(bytes, this.#offset + this.#geometry.inodeOffset(inode));
  }

  async #patch(inode: number, at: number, bytes: Uint8Array): Promise<void> {
    await this.#image.write(bytes, this.#offset + this.#geometry.inodeOffset(inode) + at);
  }

  async #flush(nextStart: number): Promise<void> {
    if (this.#length > 0) await this.#image.write(this.#buffer.subarray(0, this.#length), this.#offset + this.#start);
    this.#buffer.fill(0);
    this.#start = nextStart;
    this.#length = 0;
  }
}
