import type { Readable } from "node:stream";

/**
 * Stores the bytes of Artifacts under keys that the server chooses. Keys are paths of letters, digits, `-` and `_`.
 */
export interface Objects {
  /**
   * Stores all bytes of `content` under `key`, in the place of an object with this key. When it resolves, the object
   * survives a power cut. If `content` throws, or the store fails, nothing is left and no reader ever sees a part.
   */
  put(key: string, content: AsyncIterable<Uint8Array>): Promise<void>;
  /** The bytes of an object, or a part of them; `undefined` if there is none. */
  get(key: string, range?: ByteRange): Promise<ObjectBytes | undefined>;
  /** In bytes; `undefined` if there is no such object. */
  size(key: string): Promise<number | undefined>;
  /** Removes an object for good, if there is one. Readers that have begun may fail. */
  delete(key: string): Promise<void>;
  /**
   * Removes what writers that crashed left behind. It leaves alone what was written to in the last `idleS` seconds.
   *
   * @returns how many leftovers there were
   */
  removeLeftovers(idleS: number): Promise<number>;
}

/** Both ends are included. */
export interface ByteRange {
  readonly start: number;
  readonly end: number;
}

/** Whoever gets it must read it to its end or destroy it. */
export type ObjectBytes = Readable;
