import type { FileHandle } from "node:fs/promises";
import { Readable } from "node:stream";
import type { ByteRange } from "../../../ports/objects.ts";

const CHUNK_BYTES = 256 * 1024;
/** One that is sent, one that waits, one that is being read, and one to spare. */
const CHUNKS = 4;

/**
 * Reads a part of a file into the same few buffers again and again. New memory for each chunk costs more processor time
 * than all else of a download: its collector then looks at the whole heap many times for each GiB.
 *
 * A chunk is overwritten when three more have been read. `pipe` asks for no more than one while it writes another.
 */
export class RecyclingReader extends Readable {
  readonly #file: FileHandle;
  readonly #chunks: Buffer[] = [];
  readonly #end: number;
  #at: number;
  #turn = 0;

  /** Closes the file at the end. It must have all bytes of the range. */
  constructor(file: FileHandle, { start, end }: ByteRange) {
    super({ highWaterMark: CHUNK_BYTES });
    this.#file = file;
    this.#at = start;
    this.#end = end + 1;
  }

  override _read(): void {
    const wanted = Math.min(CHUNK_BYTES, this.#end - this.#at);
    if (wanted <= 0) {
      this.push(null);
      return;
    }
    const chunk = this.#nextChunk(wanted);
    this.#file.read(chunk, 0, wanted, this.#at).then(
      ({ bytesRead }) => {
        this.#at += bytesRead;
        if (bytesRead === 0) this.destroy(new Error("the object is shorter than it was"));
        else this.push(chunk.subarray(0, bytesRead));
      },
      (error: Error) => this.destroy(error),
    );
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    // It waits for a read that has not ended.
    this.#file.close().then(
      () => done(error),
      (failure: Error) => done(error ?? failure),
    );
  }

  #nextChunk(wanted: number): Buffer {
    const turn = this.#turn;
    this.#turn = (turn + 1) % CHUNKS;
    const there = this.#chunks[turn];
    if (there !== undefined && there.length >= wanted) return there;
    const made = Buffer.allocUnsafeSlow(wanted);
    this.#chunks[turn] = made;
    return made;
  }
}
