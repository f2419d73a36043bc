import { AgentError, type ErrorDetail } from "../../src/errors/agent-error.ts";
import { BIG_DATA, BRANCH, even, LEAF, NODE_BYTES, OVERFLOW } from "./lmdb-format.ts";
import type { Meta, Tree } from "./lmdb-meta.ts";

/** How the keys of a tree are sorted. */
export type Order = (a: Buffer, b: Buffer) => number;

export interface TreeContent {
  /** All entries, in the order of their keys. Keys have one character for each byte. */
  readonly values: ReadonlyMap<string, Buffer>;
  /** The numbers of all pages of the tree. */
  readonly pages: ReadonlySet<number>;
}

/** Reads a tree and checks all of it. @throws {AgentError} TAKEOVER_DAMAGED, TAKEOVER_FORMAT */
export function readTree(bytes: Buffer, meta: Meta, { root, depth, counts }: Tree, order: Order): TreeContent {
  const walk = new Walk(bytes, meta, order);
  if (root !== undefined) walk.page(root, depth, undefined, undefined);
  const { branchPages, leafPages, overflowPages, values, pages } = walk;
  const found = { branchPages, leafPages, overflowPages, entries: values.size };
  for (const [what, count] of Object.entries(found)) {
    const expected = counts[what as keyof typeof found];
    if (count !== expected) throw damaged({ reason: `${what} is ${count} instead of ${expected}` });
  }
  return { values, pages };
}

/** One walk through the tree. */
class Walk {
  readonly values = new Map<string, Buffer>();
  readonly pages = new Set<number>();
  branchPages = 0;
  leafPages = 0;
  overflowPages = 0;
  readonly #bytes: Buffer;
  readonly #meta: Meta;
  readonly #order: Order;
  #last: Buffer | undefined;

  constructor(bytes: Buffer, meta: Meta, order: Order) {
    this.#bytes = bytes;
    this.#meta = meta;
    this.#order = order;
  }

  /** @param levels of the tree below this page, with it @param from lowest key that may be here @param to first key that may not */
  page(number: number, levels: number, from: Buffer | undefined, to: Buffer | undefined): void {
    const kind = levels === 1 ? LEAF : BRANCH;
    const page = this.#claim(number, 1, kind);
    const nodes = this.#nodes(page, number);
    if (kind === LEAF) {
      this.leafPages += 1;
      for (const node of nodes) this.#leaf(page.subarray(node), number, from, to);
      return;
    }
    this.branchPages += 1;
    if (nodes.length < 2) throw damaged({ page: number, reason: "a branch has fewer than two children" });
    const keys = nodes.map((node, index) => (index === 0 ? from : keyOf(page.subarray(node))));
    for (const [index, node] of nodes.entries())
      this.page(this.#child(page, node), levels - 1, keys[index], keys[index + 1] ?? to);
  }

  /** The bytes of pages that belong together, none of which the walk has met before. */
  #claim(number: number, count: number, kind: number): Buffer {
    const { pageBytes, places, lastPage } = this.#meta;
    if (number < 2 || number + count - 1 > lastPage || (number + count) * pageBytes > this.#bytes.length)
      throw damaged({ page: number, reason: "it is outside of the file" });
    for (let at = number; at < number + count; at++) {
      if (this.pages.has(at)) throw damaged({ page: at, reason: "it is reached twice" });
      this.pages.add(at);
    }
    const page = this.#bytes.subarray(number * pageBytes, (number + count) * pageBytes);
    if (this.#word(page, 0) !== number) throw damaged({ page: number, reason: "it has another number" });
    const flags = page.readUInt16LE(places.flags);
    if (flags !== kind) throw damaged({ page: number, reason: `its kind is ${flags} instead of ${kind}` });
    return page;
  }

  /** Where the nodes of a page begin, in the order of their keys. */
  #nodes(page: Buffer, number: number): readonly number[] {
    const { head, lower, upper } = this.#meta.places;
    const from = page.readUInt16LE(lower);
    const to = page.readUInt16LE(upper);
    const count = (from - head) / 2;
    if (from > to || to > page.length || to % 2 !== 0 || !Number.isInteger(count) || count < 1)
      throw damaged({ page: number, reason: "its bounds are wrong" });
    const nodes = Array.from({ length: count }, (_, index) => page.readUInt16LE(head + 2 * index));
    let next = to;
    for (const node of nodes.toSorted((a, b) => a - b)) {
      if (node !== next || node + NODE_BYTES > page.length)
        throw damaged({ page: number, reason: "its nodes overlap" });
      next = node + even(this.#nodeBytes(page, node));
    }
    if (next !== page.length) throw damaged({ page: number, reason: "its nodes do not fill it" });
    return nodes;
  }

  #nodeBytes(page: Buffer, node: number): number {
    const { places, wordBytes } = this.#meta;
    const head = NODE_BYTES + page.readUInt16LE(node + 6);
    if (page.readUInt16LE(places.flags) === BRANCH) return head;
    return head + (page.readUInt16LE(node + 4) === BIG_DATA ? wordBytes : page.readUInt32LE(node));
  }

  #child(page: Buffer, node: number): number {
    const high = this.#meta.wordBytes === 8 ? page.readUInt16LE(node + 4) : 0;
    return high * 2 ** 32 + page.readUInt32LE(node);
  }

  /** @param node a leaf's node, and what follows it */
  #leaf(node: Buffer, number: number, from: Buffer | undefined, to: Buffer | undefined): void {
    const flags = node.readUInt16LE(4);
    if ((flags & ~BIG_DATA) !== 0) throw new AgentError("TAKEOVER_FORMAT", { reason: NO_DUPLICATES });
    const key = keyOf(node);
    const isInOrder = this.#last === undefined || this.#order(this.#last, key) < 0;
    const isAbove = from === undefined || this.#order(from, key) <= 0;
    const isBelow = to === undefined || this.#order(key, to) < 0;
    if (key.length === 0 || !isInOrder || !isAbove || !isBelow)
      throw damaged({ page: number, reason: "its keys are not in order" });
    this.#last = key;
    const data = node.subarray(NODE_BYTES + key.length);
    const size = node.readUInt32LE(0);
    const value = flags === BIG_DATA ? this.#overflow(this.#word(data, 0), size) : data.subarray(0, size);
    this.values.set(key.toString("latin1"), Buffer.from(value));
  }

  #overflow(number: number, size: number): Buffer {
    const { pageBytes, places } = this.#meta;
    const first = this.#bytes.subarray(number * pageBytes, (number + 1) * pageBytes);
    if (first.length < pageBytes) throw damaged({ page: number, reason: "it is outside of the file" });
    // Overwriting a value with a shorter one leaves pages over.
    const count = first.readUInt32LE(places.lower);
    if (count * pageBytes < places.head + size || count > this.#meta.lastPage)
      throw damaged({ page: number, reason: `${count} overflow pages cannot hold ${size} bytes` });
    const pages = this.#claim(number, count, OVERFLOW);
    this.overflowPages += count;
    return pages.subarray(places.head, places.head + size);
  }

  #word(from: Buffer, at: number): number {
    return this.#meta.wordBytes === 4 ? from.readUInt32LE(at) : Number(from.readBigUInt64LE(at));
  }
}

const NO_DUPLICATES = "it has databases within the database, or several values for a key";

const keyOf = (node: Buffer): Buffer => node.subarray(NODE_BYTES, NODE_BYTES + node.readUInt16LE(6));

const damaged = (detail: ErrorDetail): AgentError => new AgentError("TAKEOVER_DAMAGED", detail);
