import type { MaybePromise } from "../util/byte-source.ts";
import type { MetaData } from "./model.ts";

/**
 * Takes in a payload's meta-data of this size, to the end that `read` gives. What it resolves to is not known to be
 * right before all of the header has been read.
 */
export type StoreMetaData = (sizeBytes: number, read: (into: Uint8Array) => MaybePromise<number>) => Promise<MetaData>;

/** Keeps them in memory, as they are written. */
export const holdMetaData: StoreMetaData = async (sizeBytes, read) => {
  const bytes = new Uint8Array(sizeBytes);
  for (let at = 0; at < sizeBytes; ) {
    const count = await read(bytes.subarray(at));
    if (count === 0) break;
    at += count;
  }
  return { sizeBytes, pieces: () => [bytes] };
};

const DECODED_BYTES = 64 * 1024;

/** The text of meta-data, piece by piece. */
export function* textPieces(metaData: MetaData): Generator<string> {
  const decoder = new TextDecoder();
  for (const bytes of metaData.pieces()) {
    for (let at = 0; at < bytes.length; at += DECODED_BYTES)
      yield decoder.decode(bytes.subarray(at, at + DECODED_BYTES), { stream: true });
  }
}

/** All of it. */
export const textOf = (metaData: MetaData): string => [...textPieces(metaData)].join("");
