/** Number of bytes of a page number, a count and a size: the `size_t` of the machine that made the file. */
export type WordBytes = 4 | 8;

/** The shape of an LMDB file. A machine writes the same shape again and again, so a new file must have it, too. */
export interface LmdbShape {
  readonly pageBytes: number;
  readonly wordBytes: WordBytes;
  /** The largest size that the file may grow to. */
  readonly mapBytes: number;
  /** Flags of the free list, which also hold how the environment was opened. */
  readonly freeFlags: number;
}

/** A file as LMDB 0.9 makes it on a 64-bit machine for the Mender client. */
export const USUAL_SHAPE: LmdbShape = { pageBytes: 4096, wordBytes: 8, mapBytes: 1024 * 1024, freeFlags: 0x4008 };

export const MAGIC = 0xbeefc0de;
export const FORMAT_VERSION = 1;

/** Kinds of pages, exactly one for each page. */
export const BRANCH = 1;
export const LEAF = 2;
export const OVERFLOW = 4;
export const META = 8;

/** Flag of a leaf's node: the data are in overflow pages. */
export const BIG_DATA = 1;

/** Bytes of a node before its key: two words of the size, the flags, the length of the key. */
export const NODE_BYTES = 8;

/** Page sizes that LMDB supports. */
export const LEAST_PAGE_BYTES = 512;
export const MOST_PAGE_BYTES = 32 * 1024;

/** Places within a page and within a meta page, which depend on the machine's word. */
export interface Places {
  /** Bytes before the pointers of a page, and before the content of an overflow page. */
  readonly head: number;
  readonly flags: number;
  readonly lower: number;
  readonly upper: number;
  readonly version: number;
  readonly mapBytes: number;
  readonly freeTree: number;
  readonly mainTree: number;
  readonly lastPage: number;
  readonly txn: number;
}

/** Places within the record of a tree. */
export interface TreePlaces {
  readonly flags: number;
  readonly depth: number;
  readonly branchPages: number;
  readonly leafPages: number;
  readonly overflowPages: number;
  readonly entries: number;
  readonly root: number;
}

export function placesOf(word: WordBytes): Places {
  const head = word + 8;
  const treeBytes = 8 + 5 * word;
  const freeTree = head + 8 + 2 * word;
  const mainTree = freeTree + treeBytes;
  const lastPage = mainTree + treeBytes;
  return {
    head,
    flags: word + 2,
    lower: word + 4,
    upper: word + 6,
    version: head + 4,
    mapBytes: head + 8 + word,
    freeTree,
    mainTree,
    lastPage,
    txn: lastPage + word,
  };
}

export const treePlaces = (word: WordBytes): TreePlaces => ({
  flags: 4,
  depth: 6,
  branchPages: 8,
  leafPages: 8 + word,
  overflowPages: 8 + 2 * word,
  entries: 8 + 3 * word,
  root: 8 + 4 * word,
});

/** Nodes begin at even places. */
export const even = (bytes: number): number => bytes + (bytes % 2);
