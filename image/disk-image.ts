import { type FileHandle, open } from "node:fs/promises";

/** Unit of holes and of the block map. */
export const BLOCK = 4096;
/** Larger pieces do not stay in the processor's caches between reading and writing. */
const BUFFER_BYTES = 2 * 1024 * 1024;
/** Recognised without a comparison, so it also stands for holes. */
export const ZEROS = Buffer.alloc(BUFFER_BYTES);

/** Consecutive blocks that were written: the first one, and how many. */
export interface BlockRun {
  readonly first: number;
  readonly count: number;
}

/**
 * A new image file. It keeps holes instead of zeros, and knows which blocks were written, zeros included: all others may
 * stay as they are on the medium. Writes that follow one another are gathered, so callers may write small pieces.
 */
export class DiskImage {
  readonly path: string;
  readonly sizeBytes: number;
  readonly #file: FileHandle;
  readonly #stored: Uint8Array;
  readonly #mapped: Uint8Array;
  readonly #buffer = Buffer.allocUnsafe(BUFFER_BYTES);
  readonly #onWrite: (bytes: number) => void;
  #start = 0;
  #length = 0;

  private constructor(path: string, sizeBytes: number, file: FileHandle, onWrite: (bytes: number) => void) {
    this.path = path;
    this.sizeBytes = sizeBytes;
    this.#file = file;
    this.#stored = new Uint8Array(Math.ceil(sizeBytes / BLOCK / 8));
    this.#mapped = new Uint8Array(this.#stored.length);
    this.#onWrite = onWrite;
  }

  /** @param onWrite receives the number of bytes of each write, for a progress bar */
  static async create(
    path: string,
    sizeBytes: number,
    onWrite: (bytes: number) => void = () => {},
  ): Promise<DiskImage> {
    const file = await open(path, "wx+", 0o666);
    await file.truncate(sizeBytes);
    return new DiskImage(path, sizeBytes, file, onWrite);
  }

  async write(bytes: Uint8Array, position: number): Promise<void> {
    if (position + bytes.length > this.sizeBytes) throw new Error(`write past the end of ${this.path}`);
    this.#onWrite(bytes.length);
    if (position !== this.#start + this.#length) await this.#flush(position);
    for (let done = 0; done < bytes.length; ) {
      const part = bytes.subarray(done, done + BUFFER_BYTES - this.#length);
      done += part.length;
      if (part.length === BUFFER_BYTES) {
        // A full buffer needs no copy.
        await this.#store(part, this.#start);
        this.#start += part.length;
        continue;
      }
      this.#buffer.set(part, this.#length);
      this.#length += part.length;
      if (this.#length === BUFFER_BYTES) await this.#flush(this.#start + this.#length);
    }
  }

  async read(position: number, length: number): Promise<Buffer> {
    await this.#flush(this.#start + this.#length);
    const bytes = Buffer.allocUnsafe(length);
    for (let at = 0; at < length; ) {
      const { bytesRead } = await this.#file.read(bytes, at, length - at, position + at);
      if (bytesRead === 0) throw new Error(`read past the end of ${this.path}`);
      at += bytesRead;
    }
    return bytes;
  }

  /** The blocks that were written, in their order. */
  *runs(fromBlock = 0, toBlock = Math.ceil(this.sizeBytes / BLOCK)): Generator<BlockRun> {
    let first = -1;
    for (let block = fromBlock; block <= toBlock; block++) {
      const isMapped = block < toBlock && isMarked(this.#mapped, block);
      if (isMapped && first < 0) first = block;
      if (!isMapped && first >= 0) {
        yield { first, count: block - first };
        first = -1;
      }
    }
  }

  async flush(): Promise<void> {
    await this.#flush(this.#start + this.#length);
  }

  async close(): Promise<void> {
    await this.#file.close();
  }

  async #flush(nextStart: number): Promise<void> {
    const [buffer, start] = [this.#buffer.subarray(0, this.#length), this.#start];
    this.#start = nextStart;
    this.#length = 0;
    if (buffer.length > 0) await this.#store(buffer, start);
  }

  async #store(buffer: Uint8Array, start: number): Promise<void> {
    const isHole = isZero(buffer);
    let from = -1;
    for (let at = 0; at < buffer.length; ) {
      const end = Math.min(buffer.length, at + BLOCK - ((start + at) % BLOCK));
      const block = Math.floor((start + at) / BLOCK);
      mark(this.#mapped, block);
      const isData = isMarked(this.#stored, block) || !(isHole || isZeroAt(buffer, at, end));
      if (isData) {
        mark(this.#stored, block);
        if (from < 0) from = at;
      } else if (from >= 0) {
        await this.#put(buffer.subarray(from, at), start + from);
        from = -1;
      }
      at = end;
    }
    if (from >= 0) await this.#put(buffer.subarray(from), start + from);
  }

  async #put(bytes: Uint8Array, position: number): Promise<void> {
    for (let done = 0; done < bytes.length; ) {
      const { bytesWritten } = await this.#file.write(bytes, done, bytes.length - done, position + done);
      done += bytesWritten;
    }
  }
}

const isMarked = (marks: Uint8Array, block: number): boolean => ((marks[block >> 3] ?? 0) & (1 << (block & 7))) !== 0;

function mark(marks: Uint8Array, block: number): void {
  marks[block >> 3] = (marks[block >> 3] ?? 0) | (1 << (block & 7));
}

/** @param bytes at most 2 MiB */
export const isZero = (bytes: Uint8Array): boolean => bytes.buffer === ZEROS.buffer || isZeroAt(bytes, 0, bytes.length);

/** Looks at a few bytes first: most data are not zero there, and a comparison needs two new objects. */
function isZeroAt(bytes: Uint8Array, start: number, end: number): boolean {
  if (start === end) return true;
  if (bytes[start] !== 0 || bytes[(start + end) >> 1] !== 0 || bytes[end - 1] !== 0) return false;
  return Buffer.compare(bytes.subarray(start, end), ZEROS.subarray(0, end - start)) === 0;
}
