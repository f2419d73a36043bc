import { AgentError } from "../../src/errors/agent-error.ts";
import type { LmdbShape, WordBytes } from "./lmdb-format.ts";
import { type Meta, readMetas } from "./lmdb-meta.ts";
import { type Order, readTree, type TreeContent } from "./lmdb-tree.ts";

export interface LmdbContent extends LmdbShape {
  /** The number of the last transaction. */
  readonly txn: bigint;
  /** All entries, in the order of their keys. Keys have one character for each byte. */
  readonly values: ReadonlyMap<string, Buffer>;
}

/**
 * Reads a whole LMDB file: the state after its last transaction. LMDB has no checksums, so this checks everything that
 * the format determines: each page's number and kind, that no page is reached twice or also listed as free, that nodes
 * fill their page without a gap, the order of the keys, the depth, the counts in the meta page, and that both meta pages
 * and their lists of free pages belong to transactions in a row. What remains undetected is a change within the bytes of
 * a key or a value, and of a length within the room that the format leaves: one byte before an even place, and the rest of
 * the pages of a large value.
 *
 * @param bytes the file; not changed
 * @throws {AgentError} TAKEOVER_FORMAT if it is not such a file; TAKEOVER_DAMAGED
 */
export function readLmdb(bytes: Buffer): LmdbContent {
  const { newer, older } = readMetas(bytes);
  const { values, pages } = readTree(bytes, newer, newer.main, Buffer.compare);
  const free = readFree(bytes, newer);
  if (readFree(bytes, older).last > free.last) throw damaged("the older list of free pages is newer than the other");
  for (const page of free.listed)
    if (pages.has(page) || free.pages.has(page)) throw damaged(`page ${page} is in use, and listed as free`);
  const { pageBytes, wordBytes, mapBytes, freeFlags, txn } = newer;
  return { pageBytes, wordBytes, mapBytes, freeFlags, txn, values };
}

interface Free extends Pick<TreeContent, "pages"> {
  /** The last transaction that has freed a page. */
  readonly last: bigint;
  readonly listed: readonly number[];
}

function readFree(bytes: Buffer, meta: Meta): Free {
  const { wordBytes, txn } = meta;
  const { values, pages } = readTree(bytes, meta, meta.free, numeric(wordBytes));
  const last = [...values.keys()].map((key) => keyNumber(Buffer.from(key, "latin1"), wordBytes)).at(-1) ?? 0n;
  if (last > txn) throw damaged(`transaction ${txn} knows of transaction ${last}`);
  return { pages, last, listed: [...values.values()].flatMap((value) => listIn(value, wordBytes)) };
}

/** A list begins with its length. LMDB may reserve more room than it fills. */
function listIn(value: Buffer, wordBytes: WordBytes): number[] {
  const count = Number(value.length < wordBytes ? -1n : numberOf(value, wordBytes));
  if (count < 0 || (count + 1) * wordBytes > value.length) throw damaged("a list of free pages is cut off");
  return Array.from({ length: count }, (_, at) => Number(numberOf(value.subarray((at + 1) * wordBytes), wordBytes)));
}

/** The order of keys that are numbers of this machine. */
const numeric =
  (wordBytes: WordBytes): Order =>
  (a, b) => {
    const difference = keyNumber(a, wordBytes) - keyNumber(b, wordBytes);
    return difference < 0n ? -1 : Number(difference > 0n);
  };

function keyNumber(key: Buffer, wordBytes: WordBytes): bigint {
  if (key.length !== wordBytes) throw damaged("a key is not the number of a transaction");
  return numberOf(key, wordBytes);
}

const numberOf = (bytes: Buffer, wordBytes: WordBytes): bigint =>
  wordBytes === 4 ? BigInt(bytes.readUInt32LE()) : bytes.readBigUInt64LE();

const damaged = (reason: string): AgentError => new AgentError("TAKEOVER_DAMAGED", { reason });
