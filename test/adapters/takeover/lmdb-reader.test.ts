import { expect, test } from "vitest";
import { LEAF, placesOf, treePlaces, USUAL_SHAPE } from "../../../adapters/takeover/lmdb-format.ts";
import { readLmdb } from "../../../adapters/takeover/lmdb-reader.ts";
import { writeLmdb } from "../../../adapters/takeover/lmdb-writer.ts";
import { Random } from "../../../qemu/harness/random.ts";
import { AgentError, describeError } from "../../../src/errors/agent-error.ts";
import {
  asText,
  COMMITTED,
  COMMITTED_VALUES,
  OF_32_BITS,
  PENDING,
  storeOf,
  VALUES_OF_32_BITS,
} from "../../support/client-stores.ts";

test("a store of the real client is read exactly, with what makes it the newest state", () => {
  const { values, ...shape } = readLmdb(COMMITTED);
  expect(asText(values)).toEqual(COMMITTED_VALUES);
  expect(shape).toEqual({ pageBytes: 4096, wordBytes: 8, mapBytes: 1_048_576, freeFlags: 0x4008, txn: 6n });
  expect([...readLmdb(PENDING).values.keys()]).toEqual(["standalone-state"]);
});

test("a store of a 32-bit machine is read, also a value that fills two overflow pages", () => {
  const { values, wordBytes } = readLmdb(OF_32_BITS);
  expect(asText(values)).toEqual(VALUES_OF_32_BITS);
  expect(wordBytes).toBe(4);
});

for (const wordBytes of [8, 4] as const)
  for (const pageBytes of [512, 1024, 4096, 16_384, 32_768])
    test(`what is written with words of ${wordBytes} and pages of ${pageBytes} bytes is read again`, () => {
      const random = new Random(pageBytes + wordBytes);
      for (const count of [0, 1, 2, 40, 900]) {
        const values = new Map<string, Buffer>();
        for (let at = 0; at < count; at++) {
          const key = `${"k".repeat(random.below(40))}${random.below(1_000_000)}`;
          values.set(key, random.fill(Buffer.alloc(random.below(at % 9 === 0 ? 5 * pageBytes : 60))));
        }
        const shape = { ...USUAL_SHAPE, wordBytes, pageBytes, mapBytes: 64 * 1024 * 1024 };
        const read = readLmdb(writeLmdb(shape, values, 9n));
        expect(read).toMatchObject({ ...shape, txn: 9n });
        expect([...read.values.keys()]).toEqual([...values.keys()].sort());
        for (const [key, value] of values) expect(read.values.get(key)?.equals(value), key).toBe(true);
      }
    });

const { head, version, mainTree, freeTree, lastPage, txn, lower, upper, flags } = placesOf(8);
const tree = treePlaces(8);
const PAGE = 4096;
const newest = (bytes: Buffer): Buffer => (Number(bytes.readBigUInt64LE(txn)) === 5 ? bytes : bytes.subarray(PAGE));

/** A tree of three levels: the root is the last page, and page 2 is its first leaf. */
const TALL = storeOf(Object.fromEntries(Array.from({ length: 900 }, (_, at) => [`${"k".repeat(300)}${at}`, "v"])));
const ROOT = TALL.length / PAGE - 1;
const root = (bytes: Buffer): Buffer => bytes.subarray(ROOT * PAGE);
const leaf = (bytes: Buffer): Buffer => bytes.subarray(2 * PAGE, 3 * PAGE);
const child = (bytes: Buffer, to: number): void =>
  void root(bytes).writeUInt32LE(to, root(bytes).readUInt16LE(head + 2));
const node = (bytes: Buffer, index: number): number => leaf(bytes).readUInt16LE(head + 2 * index);

const DAMAGES: Readonly<Record<string, (bytes: Buffer) => unknown>> = {
  "it has no magic number": (bytes) => bytes.fill(0, PAGE + head, PAGE + head + 4),
  "it is not a meta page": (bytes) => bytes.writeUInt16LE(LEAF, PAGE + flags),
  "pages of 4097 bytes": (bytes) => bytes.writeUInt32LE(4097, freeTree),
  "the meta pages differ in the size of pages": (bytes) => bytes.writeUInt32LE(8192, PAGE + freeTree),
  "the meta pages are of transactions far apart": (bytes) => bytes.writeBigUInt64LE(0x105n, PAGE + txn),
  "the meta pages are in each other's place": (bytes) => {
    bytes.writeBigUInt64LE(7n, txn);
    bytes.writeBigUInt64LE(6n, PAGE + txn);
  },
  "33 levels": (bytes) => newest(bytes).writeUInt16LE(33, mainTree + tree.depth),
  "0 levels": (bytes) => newest(bytes).writeUInt16LE(0, mainTree + tree.depth),
  "entries is 900 instead of 901": (bytes) => newest(bytes).writeUInt32LE(901, mainTree + tree.entries),
  "branchPages is": (bytes) => newest(bytes).writeUInt32LE(77, mainTree + tree.branchPages),
  "leafPages is": (bytes) => newest(bytes).writeUInt32LE(7, mainTree + tree.leafPages),
  "overflowPages is 0 instead of 7": (bytes) => newest(bytes).writeUInt32LE(7, mainTree + tree.overflowPages),
  "it is outside of the file": (bytes) => {
    for (const page of [0, PAGE]) bytes.writeUInt32LE(ROOT - 1, page + lastPage);
  },
  "the meta pages contradict each other": (bytes) => newest(bytes).writeUInt32LE(ROOT - 1, lastPage),
  "it is outside of the file, at the end": (bytes) => child(bytes, ROOT + 1),
  "it is outside of the file, at a meta page": (bytes) => child(bytes, 1),
  "it is reached twice": (bytes) => child(bytes, ROOT),
  "it has another number": (bytes) => leaf(bytes).writeUInt32LE(3, 0),
  "its kind is 1 instead of 2": (bytes) => newest(bytes).writeUInt16LE(2, mainTree + tree.depth),
  "its bounds are wrong": (bytes) => leaf(bytes).writeUInt16LE(head + 1, lower),
  "its bounds are wrong, beyond the page": (bytes) => leaf(bytes).writeUInt16LE(PAGE + 2, upper),
  "its nodes overlap": (bytes) => leaf(bytes).writeUInt16LE(node(bytes, 0), head + 2),
  "its nodes overlap, by a size": (bytes) => leaf(bytes).writeUInt32LE(9, node(bytes, 3)),
  "its nodes do not fill it": (bytes) => leaf(bytes).writeUInt32LE(0x7fffffff, node(bytes, 0)),
  "its keys are not in order": (bytes) => leaf(bytes).write("z", node(bytes, 2) + 8),
  "its keys are not in order, seen from above": (bytes) =>
    bytes.write("a", bytes.lastIndexOf(Buffer.from("k".repeat(300)))),
};

for (const [what, damage] of Object.entries(DAMAGES))
  test(`damage is named: ${what}`, () => {
    const bytes = Buffer.from(TALL);
    damage(bytes);
    expect(failure(bytes)).toMatch(/^TAKEOVER_DAMAGED: /);
    expect(failure(bytes)).toContain(what.replace(/, .*/, ""));
  });

/** The real client's store has its newest state in page 0, and lists of free pages. */
const STALE: Readonly<Record<string, (bytes: Buffer) => unknown>> = {
  "transaction 4 knows of transaction 6": (bytes) => bytes.writeBigUInt64LE(4n, txn),
  "the older list of free pages is newer than the other": (bytes) => bytes.writeBigUInt64LE(7n, PAGE + txn),
  "is in use, and listed as free": (bytes) => {
    const list = Number(bytes.readBigUInt64LE(freeTree + tree.root)) * PAGE;
    const firstNode = list + bytes.readUInt16LE(list + head);
    // Behind the node's head, its key and the length of the list.
    bytes.copy(bytes, firstNode + 8 + 8 + 8, mainTree + tree.root, mainTree + tree.root + 8);
  },
};

for (const [what, damage] of Object.entries(STALE))
  test(`an older state is not taken for the newest: ${what}`, () => {
    const bytes = Buffer.from(COMMITTED);
    damage(bytes);
    expect(failure(bytes)).toContain(what);
  });

test("a store whose only transaction has lost its number is not taken for an empty one", () => {
  const bytes = Buffer.from(OF_32_BITS);
  bytes.writeUInt32LE(0, PAGE + placesOf(4).txn);
  expect(failure(bytes)).toContain("far apart");
});

test("overflow pages that are missing, too few, or reached twice are named", () => {
  const big = storeOf({ a: "x".repeat(9000), b: "y".repeat(9000) });
  expect(failure(big.subarray(0, 5 * PAGE))).toContain("outside of the file");
  const few = Buffer.from(big);
  few.writeUInt32LE(1, 2 * PAGE + lower);
  expect(failure(few)).toContain("1 overflow pages cannot hold 9000 bytes");
  const many = Buffer.from(big);
  many.writeUInt32LE(0xffffffff, 2 * PAGE + lower);
  expect(failure(many)).toContain("cannot hold");
  const twice = Buffer.from(big);
  const last = 8 * PAGE;
  twice.writeUInt32LE(2, last + twice.readUInt16LE(last + head + 2) + 8 + 1);
  expect(failure(twice)).toContain("reached twice");
});

test("what is not such a file is refused as another format", () => {
  expect(failure(Buffer.alloc(0))).toContain("TAKEOVER_FORMAT: ");
  expect(failure(Buffer.from("SQLite format 3\0".repeat(600)))).toContain("it is not an LMDB file");
  const foreign = Buffer.from(COMMITTED);
  foreign.swap32();
  expect(failure(foreign)).toContain("big-endian");
  const newer = Buffer.from(COMMITTED);
  newer.writeUInt32LE(2, version);
  expect(failure(newer)).toContain("its version is 2");
  const sorted = storeOf({ a: "b" }, 6n);
  sorted.writeUInt16LE(4, mainTree + tree.flags);
  expect(failure(sorted)).toContain("flags 4");
  const within = storeOf({ a: "b" });
  within.writeUInt16LE(2, 2 * PAGE + within.readUInt16LE(2 * PAGE + head) + 4);
  expect(failure(within)).toContain("databases within the database");
  expect(failure(COMMITTED.subarray(0, PAGE + 100))).toContain("the file ends in it");
});

function failure(bytes: Buffer): string {
  try {
    readLmdb(bytes);
  } catch (error) {
    if (error instanceof AgentError) return describeError(error);
    throw error;
  }
  return "read";
}
