import { AgentError } from "../../src/errors/agent-error.ts";
import {
  FORMAT_VERSION,
  LEAST_PAGE_BYTES,
  type LmdbShape,
  MAGIC,
  META,
  MOST_PAGE_BYTES,
  type Places,
  placesOf,
  treePlaces,
  type WordBytes,
} from "./lmdb-format.ts";

/** Where a tree begins, and what it holds. */
export interface Tree {
  /** `undefined` for an empty tree. */
  readonly root: number | undefined;
  readonly depth: number;
  readonly counts: Counts;
}

export type Counts = Readonly<Record<"branchPages" | "leafPages" | "overflowPages" | "entries", number>>;

/** What a meta page says: the state after one transaction. */
export interface Meta extends LmdbShape {
  readonly places: Places;
  readonly txn: bigint;
  readonly lastPage: number;
  readonly main: Tree;
  /** The lists of free pages, by the number of the transaction that freed them. */
  readonly free: Tree;
}

/** Both meta pages. */
export interface Metas {
  readonly newer: Meta;
  readonly older: Meta;
}

/** LMDB's own limit. */
const MOST_LEVELS = 32;

/**
 * Each transaction writes the meta page whose number has the same parity as the transaction, so the other one belongs to
 * the transaction before. Both must be valid: if one is damaged, it may have been the newer.
 *
 * @throws {AgentError} TAKEOVER_FORMAT, TAKEOVER_DAMAGED
 */
export function readMetas(bytes: Buffer): Metas {
  const wordBytes = wordOf(bytes);
  const first = readMeta(bytes, 0, 0, wordBytes);
  const second = readMeta(bytes, first.pageBytes, 1, wordBytes);
  if (second.pageBytes !== first.pageBytes) throw damaged(1, "the meta pages differ in the size of pages");
  const [newer, older] = first.txn < second.txn ? [second, first] : [first, second];
  const isFresh = newer.txn === 0n && [newer, older].every(({ main, lastPage }) => main.depth === 0 && lastPage === 1);
  if (newer.txn !== older.txn + 1n && !isFresh) throw damaged(0, "the meta pages are of transactions far apart");
  if (newer.txn % 2n !== (newer === first ? 0n : 1n)) throw damaged(0, "the meta pages are in each other's place");
  if (older.lastPage > newer.lastPage || (older.txn === 0n && older.main.depth > 0))
    throw damaged(0, "the meta pages contradict each other");
  return { newer, older };
}

/** Where the magic number stands tells how long the page number before it is. @throws {AgentError} TAKEOVER_FORMAT */
function wordOf(bytes: Buffer): WordBytes {
  const found = ([8, 4] as const).find((word) => {
    const at = placesOf(word).head;
    return bytes.length >= at + 4 && bytes.readUInt32LE(at) === MAGIC;
  });
  if (found !== undefined) return found;
  const isForeign = [12, 16].some((at) => bytes.length >= at + 4 && bytes.readUInt32BE(at) === MAGIC);
  const reason = isForeign ? "it was made on a big-endian machine" : "it is not an LMDB file";
  throw new AgentError("TAKEOVER_FORMAT", { reason });
}

function readMeta(bytes: Buffer, at: number, number: number, wordBytes: WordBytes): Meta {
  const places = placesOf(wordBytes);
  const page = bytes.subarray(at, at + MOST_PAGE_BYTES);
  if (page.length < LEAST_PAGE_BYTES) throw damaged(number, "the file ends in it");
  const word = (place: number): number =>
    wordBytes === 4 ? page.readUInt32LE(place) : Number(page.readBigUInt64LE(place));
  if (page.readUInt32LE(places.head) !== MAGIC) throw damaged(number, "it has no magic number");
  const version = page.readUInt32LE(places.version);
  if (version !== FORMAT_VERSION) throw new AgentError("TAKEOVER_FORMAT", { reason: `its version is ${version}` });
  if (word(0) !== number || page.readUInt16LE(places.flags) !== META) throw damaged(number, "it is not a meta page");
  const pageBytes = page.readUInt32LE(places.freeTree);
  const isSize =
    pageBytes >= LEAST_PAGE_BYTES && pageBytes <= MOST_PAGE_BYTES && Number.isInteger(Math.log2(pageBytes));
  if (!isSize) throw damaged(number, `pages of ${pageBytes} bytes`);
  const tree = treePlaces(wordBytes);
  const flags = page.readUInt16LE(places.mainTree + tree.flags);
  if (flags !== 0) throw new AgentError("TAKEOVER_FORMAT", { reason: `its keys or values have the flags ${flags}` });
  const treeAt = (place: number): Tree => {
    const depth = page.readUInt16LE(place + tree.depth);
    const root = word(place + tree.root);
    const isEmpty = root === (wordBytes === 4 ? 0xffffffff : Number(0xffffffffffffffffn));
    if (depth > MOST_LEVELS || (depth === 0) !== isEmpty) throw damaged(number, `${depth} levels`);
    return {
      root: isEmpty ? undefined : root,
      depth,
      counts: {
        branchPages: word(place + tree.branchPages),
        leafPages: word(place + tree.leafPages),
        overflowPages: word(place + tree.overflowPages),
        entries: word(place + tree.entries),
      },
    };
  };
  return {
    places,
    pageBytes,
    wordBytes,
    mapBytes: word(places.mapBytes),
    freeFlags: page.readUInt16LE(places.freeTree + tree.flags),
    txn: wordBytes === 4 ? BigInt(page.readUInt32LE(places.txn)) : page.readBigUInt64LE(places.txn),
    lastPage: word(places.lastPage),
    main: treeAt(places.mainTree),
    free: treeAt(places.freeTree),
  };
}

const damaged = (page: number, reason: string): AgentError => new AgentError("TAKEOVER_DAMAGED", { page, reason });
