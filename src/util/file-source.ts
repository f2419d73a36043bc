import { type FileHandle, open } from "node:fs/promises";
import type { ByteSource } from "./byte-source.ts";

/** What is read at once, and how far ahead. */
const CHUNK_BYTES = 1024 * 1024;

/**
 * Bytes of a file from its beginning. The next chunk is fetched while the caller is busy with the last one,
 * which is worth the copy: hashing and waiting for storage overlap.
 *
 * @throws the error of open(2)
 */
export async function openFileSource(path: string): Promise<ByteSource> {
  return new FileSource(await open(path, "r"));
}

class FileSource implements ByteSource {
  readonly #file: FileHandle;
  #chunk: Uint8Array = new Uint8Array(0);
  #spare: Uint8Array = new Uint8Array(0);
  #next: Promise<Uint8Array> | undefined;
  #closed: Promise<void> | undefined;

  constructor(file: FileHandle) {
    this.#file = file;
  }

  read(into: Uint8Array): number | Promise<number> {
    return this.#chunk.length > 0 ? this.#serve(into) : this.#refill(into);
  }

  close(): Promise<void> {
    this.#closed ??= this.#release();
    return this.#closed;
  }

  #serve(into: Uint8Array): number {
    const count = Math.min(into.length, this.#chunk.length);
    into.set(this.#chunk.subarray(0, count));
    this.#chunk = this.#chunk.subarray(count);
    return count;
  }

  async #refill(into: Uint8Array): Promise<number> {
    const chunk = await (this.#next ?? this.#fetch(new Uint8Array(CHUNK_BYTES)));
    if (chunk.length === 0) return 0;
    const used = this.#spare.length === 0 ? new Uint8Array(CHUNK_BYTES) : this.#spare;
    this.#spare = new Uint8Array(chunk.buffer);
    this.#chunk = chunk;
    this.#next = this.#fetch(used);
    this.#next.catch(() => {
      // ignored: the read that needs these bytes awaits the same promise and fails with it.
    });
    return this.#serve(into);
  }

  async #fetch(buffer: Uint8Array): Promise<Uint8Array> {
    const { bytesRead } = await this.#file.read(buffer, 0, buffer.length, null);
    return buffer.subarray(0, bytesRead);
  }

  async #release(): Promise<void> {
    await this.#next?.catch(() => {
      // ignored: nobody wants these bytes any more.
    });
    await this.#file.close();
  }
}
