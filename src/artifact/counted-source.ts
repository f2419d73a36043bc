import type { ByteSource, MaybePromise } from "../util/byte-source.ts";

/** A source that counts how far it has been read. Closing it does not close the inner source. */
export class CountedSource implements ByteSource {
  readonly #source: ByteSource;
  readonly #passed: ((bytes: Uint8Array) => void) | undefined;
  /** Position of the next byte. */
  offset: number;

  /**
   * @param passed called with all bytes that are read
   * @param offset position of the first byte
   */
  constructor(source: ByteSource, passed?: (bytes: Uint8Array) => void, offset = 0) {
    this.#source = source;
    this.#passed = passed;
    this.offset = offset;
  }

  read(into: Uint8Array): MaybePromise<number> {
    const got = this.#source.read(into);
    return typeof got === "number" ? this.#took(into, got) : got.then((count) => this.#took(into, count));
  }

  async close(): Promise<void> {}

  #took(into: Uint8Array, count: number): number {
    this.offset += count;
    this.#passed?.(into.subarray(0, count));
    return count;
  }
}
