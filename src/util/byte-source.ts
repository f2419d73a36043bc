/** A value now, or a promise of it: hot paths stay synchronous where the data is already there. */
export type MaybePromise<T> = T | Promise<T>;

/**
 * Bytes that are pulled. The reader owns the buffer, so memory is bounded by construction, nothing is
 * copied twice and back-pressure needs no protocol: what nobody reads is not fetched.
 */
export interface ByteSource {
  /**
   * Puts between 1 and `into.length` bytes at the start of `into` and keeps no reference to it.
   *
   * @param into not empty
   * @returns the number of bytes, or 0 at the end and ever after
   */
  read(into: Uint8Array): MaybePromise<number>;
  /** Releases what the source holds (descriptor, child process, connection). Idempotent. */
  close(): Promise<void>;
}

/** Fills `into` as far as the source reaches. @returns bytes read, less than `into.length` only at the end. */
export async function readFully(source: ByteSource, into: Uint8Array): Promise<number> {
  let filled = 0;
  while (filled < into.length) {
    const count = await source.read(into.subarray(filled));
    if (count === 0) break;
    filled += count;
  }
  return filled;
}

/** `read` over chunks of any size, empty ones too. @param next the next chunk, `undefined` at the end and ever after */
export function readerOfChunks(next: () => Promise<Uint8Array | undefined>): (into: Uint8Array) => Promise<number> {
  let rest: Uint8Array = new Uint8Array(0);
  return async (into) => {
    while (rest.length === 0) {
      const chunk = await next();
      if (chunk === undefined) return 0;
      rest = chunk;
    }
    const count = Math.min(into.length, rest.length);
    into.set(rest.subarray(0, count));
    rest = rest.subarray(count);
    return count;
  };
}

/** Bytes of any async (or plain) iterable of chunks, whatever their sizes. */
export function fromIterable(chunks: AsyncIterable<Uint8Array> | Iterable<Uint8Array>): ByteSource {
  const iterator = Symbol.asyncIterator in chunks ? chunks[Symbol.asyncIterator]() : chunks[Symbol.iterator]();
  return {
    read: readerOfChunks(async () => {
      const { done, value } = await iterator.next();
      return done === true ? undefined : value;
    }),
    async close() {
      await iterator.return?.();
    },
  };
}

/** The bytes of `content`, which can also be had without a copy. */
export interface BufferSource extends ByteSource {
  /** The next `bytes` bytes, or as many as there are left. */
  view(bytes: number): Uint8Array;
}

export function bufferSource(content: Uint8Array): BufferSource {
  let rest = content;
  const view = (bytes: number): Uint8Array => {
    const taken = rest.subarray(0, bytes);
    rest = rest.subarray(taken.length);
    return taken;
  };
  return {
    view,
    read(into) {
      const taken = view(into.length);
      into.set(taken);
      return taken.length;
    },
    async close() {},
  };
}
