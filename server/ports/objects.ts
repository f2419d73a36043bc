import type { Readable } from "node:stream";

/**
 * Stores the bytes of Artifacts under keys that the server chooses. Keys are paths of letters, digits, `-` and `_`.
 *
 * All methods throw a ServerError STORAGE_AWAY if the store cannot be reached, and STORAGE_REFUSED if it does not let
 * the server do it.
 */
export interface Objects {
  /**
   * Stores all bytes of `content` under `key`, in the place of an object with this key. When it resolves, the object
   * survives a power cut. If `content` throws, or the store fails, nothing is left and no reader ever sees a part.
   */
  put(key: string, content: AsyncIterable<Uint8Array>): Promise<void>;
  /** The bytes of an object, or a part of them; `undefined` if there is none. */
  get(key: string, range?: ByteRange): Promise<ObjectBytes | undefined>;
  /**
   * As `get`, for a consumer that passes a chunk on before it asks for more, as `pipe` does. It must not keep a chunk: the
   * store may use its memory again as soon as three more have been read.
   */
  getToSend(key: string, range: ByteRange): Promise<ObjectBytes | undefined>;
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
  /**
   * An address of the store itself from which anybody can read an object for `validS` seconds. `undefined` if the store
   * has no such addresses.
   *
   * @param disposition the header `Content-Disposition` that the store answers with
   */
  link(key: string, validS: number, disposition?: string): Promise<string | undefined>;
  /** Asks the store whether it is there. */
  check(): Promise<void>;
  /** Ends its connections. */
  close(): Promise<void>;
}

/** Both ends are included. */
export interface ByteRange {
  readonly start: number;
  readonly end: number;
}

/** Whoever gets it must read it to its end or destroy it. */
export type ObjectBytes = Readable;
