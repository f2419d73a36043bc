/** A value, or a promise of it: hot paths stay synchronous when the data is already available. */
export type MaybePromise<T> = T | Promise<T>;

/**
 * A stream of bytes that the reader pulls. The reader owns the buffer. Memory is therefore bounded, no byte is copied
 * twice, and back-pressure needs no protocol: bytes that are not read are not fetched.
 */
export interface ByteSource {
  /**
   * Puts between 1 and `into.length` bytes at the start of `into` and keeps no reference to it.
   *
   * @param into not empty
   * @returns the number of bytes, or 0 at the end and ever after
   */
  read(into: Uint8Array): MaybePromise<number>;
  /** Releases the source's resources (descriptor, child process, connection). Idempotent. */
  close(): Promise<void>;
}

/** Fills `into`, or as much of it as the source holds. @returns bytes read, less than `into.length` only at the end. */
export async function readFully(source: ByteSource, into: Uint8Array): Promise<number> {
  let filled = 0;
  while (filled < into.length) {
    const count = await source.read(into.subarray(filled));
    if (count === 0) break;
    filled += count;
  }
  return filled;
}

/**
 * `read` over chunks of any size, even empty ones. @param next the next chunk, `undefined` at the end and ever after
 */
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

/** Bytes of any async (or plain) iterable of chunks of any size. */
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

/** The bytes of `content`; `view` gives access without a copy. */
export interface BufferSource extends ByteSource {
  /** The next `bytes` bytes, or all that are left. */
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
