import type { MaybePromise } from "../util/byte-source.ts";
import type { MetaData } from "./model.ts";

/**
 * Stores a payload's meta-data of this size; must call `read` until it returns 0. The result is verified only after the
 * whole header has been read.
 */
export type StoreMetaData = (sizeBytes: number, read: (into: Uint8Array) => MaybePromise<number>) => Promise<MetaData>;

/** Meta-data that is in memory. */
export const metaDataOf = (bytes: Uint8Array): MetaData => ({ sizeBytes: bytes.length, pieces: () => [bytes] });

/** Keeps meta-data in memory, as stored in the Artifact. */
export const holdMetaData: StoreMetaData = async (sizeBytes, read) => {
  const bytes = new Uint8Array(sizeBytes);
  for (let at = 0; at < sizeBytes; ) {
    const count = await read(bytes.subarray(at));
    if (count === 0) break;
    at += count;
  }
  return metaDataOf(bytes);
};

const DECODED_BYTES = 64 * 1024;

/** The text of meta-data, in pieces. */
export function* textPieces(metaData: MetaData): Generator<string> {
  const decoder = new TextDecoder();
  for (const bytes of metaData.pieces()) {
    for (let at = 0; at < bytes.length; at += DECODED_BYTES)
      yield decoder.decode(bytes.subarray(at, at + DECODED_BYTES), { stream: true });
  }
}

/** The whole text of meta-data. */
export const textOf = (metaData: MetaData): string => [...textPieces(metaData)].join("");
