import {
  BIG_DATA,
  BRANCH,
  even,
  FORMAT_VERSION,
  LEAF,
  type LmdbShape,
  MAGIC,
  META,
  NODE_BYTES,
  OVERFLOW,
  placesOf,
  treePlaces,
} from "./lmdb-format.ts";

/** A node of a leaf or of a branch, without the place that it gets in a page. */
interface Node {
  readonly key: Buffer;
  readonly bytes: Buffer;
}

/** A page's first key, and its number. */
interface Child {
  readonly key: Buffer;
  readonly number: number;
}

/** A larger node would leave too little room for the others in its page. */
const PARTS = 4;

/**
 * Makes a whole LMDB file that LMDB itself can read and continue to write. Both meta pages name the same tree: the state
 * after transaction `txn`.
 *
 * @param txn at least 2, or 0 for an empty store: the meta page before the first transaction names no tree
 * @param values keys have one character for each byte, and are shorter than an eighth of a page
 */
export function writeLmdb(shape: LmdbShape, values: ReadonlyMap<string, Buffer>, txn: bigint): Buffer {
  const file = new FileOfPages(shape);
  const entries = [...values].map(([key, value]) => ({ key: Buffer.from(key, "latin1"), value }));
  entries.sort((a, b) => Buffer.compare(a.key, b.key));
  let children = file.level(
    LEAF,
    entries.map(({ key, value }) => file.leafNode(key, value)),
  );
  let depth = Math.min(children.length, 1);
  for (; children.length > 1; depth++)
    children = file.level(
      BRANCH,
      children.map((child) => file.branchNode(child)),
    );
  return file.whole({ txn, depth, entries: entries.length, root: children[0]?.number });
}

class FileOfPages {
  readonly #shape: LmdbShape;
  readonly #places;
  /** All pages but the two meta pages. */
  readonly #pages: Buffer[] = [];
  readonly #counts = { [BRANCH]: 0, [LEAF]: 0, [OVERFLOW]: 0 };

  constructor(shape: LmdbShape) {
    this.#shape = shape;
    this.#places = placesOf(shape.wordBytes);
  }

  leafNode(key: Buffer, value: Buffer): Node {
    const isBig = NODE_BYTES + key.length + value.length > this.#shape.pageBytes / PARTS;
    const data = isBig ? this.#word(this.#overflow(value)) : value;
    const head = Buffer.alloc(NODE_BYTES);
    head.writeUInt32LE(value.length, 0);
    head.writeUInt16LE(isBig ? BIG_DATA : 0, 4);
    head.writeUInt16LE(key.length, 6);
    return { key, bytes: Buffer.concat([head, key, data]) };
  }

  branchNode({ key, number }: Child): Node {
    const head = Buffer.alloc(NODE_BYTES);
    head.writeUInt32LE(number, 0);
    head.writeUInt16LE(key.length, 6);
    return { key, bytes: Buffer.concat([head, key]) };
  }

  /** Fills pages with nodes. @returns the pages, for the level above */
  level(kind: typeof BRANCH | typeof LEAF, nodes: readonly Node[]): readonly Child[] {
    return this.#groups(nodes).map((group) => {
      const number = this.#add(kind, this.#filled(kind, group));
      return { key: group[0]?.key ?? Buffer.alloc(0), number };
    });
  }

  #groups(nodes: readonly Node[]): readonly (readonly Node[])[] {
    const groups: Node[][] = [];
    let free = 0;
    for (const node of nodes) {
      const size = 2 + even(node.bytes.length);
      if (size > free) {
        groups.push([]);
        free = this.#shape.pageBytes - this.#places.head;
      }
      groups.at(-1)?.push(node);
      free -= size;
    }
    // A branch must have two children.
    const [before, last] = groups.slice(-2);
    const moved = last?.length === 1 ? before?.pop() : undefined;
    if (moved !== undefined) last?.unshift(moved);
    return groups;
  }

  #filled(kind: number, nodes: readonly Node[]): Buffer {
    const { head, lower, upper } = this.#places;
    const page = Buffer.alloc(this.#shape.pageBytes);
    let from = page.length;
    for (const [index, { bytes, key }] of nodes.entries()) {
      // LMDB ignores the first key of a branch and leaves it out.
      const isBare = kind === BRANCH && index === 0;
      const written = isBare ? bytes.subarray(0, bytes.length - key.length) : bytes;
      from -= even(written.length);
      page.set(written, from);
      if (isBare) page.writeUInt16LE(0, from + 6);
      page.writeUInt16LE(from, head + 2 * index);
    }
    page.writeUInt16LE(head + 2 * nodes.length, lower);
    page.writeUInt16LE(from, upper);
    return page;
  }

  #overflow(value: Buffer): number {
    const { head, lower } = this.#places;
    const count = Math.ceil((head + value.length) / this.#shape.pageBytes);
    const pages = Buffer.alloc(count * this.#shape.pageBytes);
    pages.writeUInt32LE(count, lower);
    pages.set(value, head);
    return this.#add(OVERFLOW, pages);
  }

  /** @returns the number of the first of the pages */
  #add(kind: typeof BRANCH | typeof LEAF | typeof OVERFLOW, bytes: Buffer): number {
    const count = bytes.length / this.#shape.pageBytes;
    const number = this.#next;
    this.#word(number).copy(bytes);
    bytes.writeUInt16LE(kind, this.#places.flags);
    for (let at = 0; at < count; at++)
      this.#pages.push(bytes.subarray(at * this.#shape.pageBytes, (at + 1) * this.#shape.pageBytes));
    this.#counts[kind] += count;
    return number;
  }

  get #next(): number {
    return 2 + this.#pages.length;
  }

  whole(tree: { txn: bigint; depth: number; entries: number; root: number | undefined }): Buffer {
    const even = tree.txn % 2n === 0n;
    const older = tree.txn === 0n ? 0n : tree.txn - 1n;
    const metas = [even ? tree.txn : older, even ? older : tree.txn].map((txn, number) =>
      this.#meta(number, { ...tree, txn }),
    );
    return Buffer.concat([...metas, ...this.#pages]);
  }

  #meta(
    number: number,
    { txn, depth, entries, root }: { txn: bigint; depth: number; entries: number; root: number | undefined },
  ): Buffer {
    const { pageBytes, wordBytes, mapBytes, freeFlags } = this.#shape;
    const places = this.#places;
    const tree = treePlaces(wordBytes);
    const page = Buffer.alloc(pageBytes);
    const put = (value: number | bigint | undefined, at: number): void => void this.#word(value).copy(page, at);
    put(number, 0);
    page.writeUInt16LE(META, places.flags);
    page.writeUInt32LE(MAGIC, places.head);
    page.writeUInt32LE(FORMAT_VERSION, places.version);
    put(Math.max(mapBytes, this.#next * pageBytes), places.mapBytes);
    page.writeUInt32LE(pageBytes, places.freeTree);
    page.writeUInt16LE(freeFlags, places.freeTree + tree.flags);
    put(undefined, places.freeTree + tree.root);
    page.writeUInt16LE(depth, places.mainTree + tree.depth);
    put(this.#counts[BRANCH], places.mainTree + tree.branchPages);
    put(this.#counts[LEAF], places.mainTree + tree.leafPages);
    put(this.#counts[OVERFLOW], places.mainTree + tree.overflowPages);
    put(entries, places.mainTree + tree.entries);
    put(root, places.mainTree + tree.root);
    put(this.#next - 1, places.lastPage);
    put(txn, places.txn);
    return page;
  }

  /** @param value `undefined` for no page */
  #word(value: number | bigint | undefined): Buffer {
    const bytes = Buffer.alloc(8);
    bytes.writeBigUInt64LE(value === undefined ? 2n ** 64n - 1n : BigInt(value));
    return bytes.subarray(0, this.#shape.wordBytes);
  }
}
