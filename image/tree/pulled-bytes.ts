/** Lets a reader take as many bytes as it wants from a stream of chunks. */
export class PulledBytes {
  readonly #chunks: AsyncIterator<Uint8Array>;
  #chunk: Uint8Array = new Uint8Array(0);

  constructor(source: AsyncIterable<Uint8Array>) {
    this.#chunks = source[Symbol.asyncIterator]();
  }

  /** At least one byte and at most `limit`, valid until the next call. `undefined` at the end. */
  async some(limit: number): Promise<Uint8Array | undefined> {
    while (this.#chunk.length === 0) {
      const { done, value } = await this.#chunks.next();
      if (done === true) return undefined;
      this.#chunk = value;
    }
    const part = this.#chunk.subarray(0, limit);
    this.#chunk = this.#chunk.subarray(part.length);
    return part;
  }

  /** Exactly `length` bytes, or fewer at the end. */
  async exactly(length: number): Promise<Buffer> {
    if (this.#chunk.length >= length) {
      const part = this.#chunk.subarray(0, length);
      this.#chunk = this.#chunk.subarray(length);
      return Buffer.from(part.buffer, part.byteOffset, length);
    }
    const bytes = Buffer.allocUnsafe(length);
    let at = 0;
    while (at < length) {
      const part = await this.some(length - at);
      if (part === undefined) break;
      bytes.set(part, at);
      at += part.length;
    }
    return bytes.subarray(0, at);
  }

  async skip(length: number): Promise<number> {
    let left = length;
    while (left > 0) {
      const part = await this.some(left);
      if (part === undefined) break;
      left -= part.length;
    }
    return length - left;
  }

  async end(): Promise<void> {
    await this.#chunks.return?.();
  }
}
