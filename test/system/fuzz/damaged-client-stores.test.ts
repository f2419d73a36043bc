import { expect, test } from "vitest";
import { readLmdb } from "../../../adapters/takeover/lmdb-reader.ts";
import { Random } from "../../../qemu/harness/random.ts";
import { AgentError } from "../../../src/errors/agent-error.ts";
import { COMMITTED, OF_32_BITS, storeOf } from "../../support/client-stores.ts";

const STORES: Readonly<Record<string, Buffer>> = {
  "the real client's store": COMMITTED,
  "a store of a 32-bit machine": OF_32_BITS,
  "a store with several levels": storeOf(
    Object.fromEntries(
      Array.from({ length: 30 }, (_, at) => [`${"k".repeat(200)}${at}`, `value ${at} ${"v".repeat(at * 40)}`]),
    ),
  ),
};

/** Each gets a copy that it may change. */
const DAMAGES: readonly ((copy: Buffer, random: Random, content: readonly number[]) => Buffer)[] = [
  (copy, random) => flip(copy, random),
  (copy, random) => flip(flip(copy, random), random),
  (copy, random, content) => flip(copy, random, random.pick(content)),
  (copy, random) => {
    const at = random.below(copy.length);
    random.fill(copy.subarray(at, at + 1 + random.below(64)));
    return copy;
  },
  (copy, random) => copy.subarray(0, random.below(copy.length)),
  // Pages in each other's place, or an older version of a page.
  (copy, random) => {
    const pages = copy.length / 4096;
    const from = random.below(pages) * 4096;
    copy.copyWithin(random.below(pages) * 4096, from, from + 4096);
    return copy;
  },
  // Only the bytes that are not content: a page's head and pointers, or a meta page.
  (copy, random) => {
    const page = random.below(copy.length / 4096) * 4096;
    return flip(copy, random, page + random.below(page < 8192 ? 150 : 40));
  },
];

function flip(copy: Buffer, random: Random, at = random.below(copy.length)): Buffer {
  copy.writeUInt8(copy.readUInt8(at) ^ (1 << random.below(8)), at);
  return copy;
}

for (const [what, store] of Object.entries(STORES))
  test(`${what}, damaged at random: read as it was, or refused by name; never other entries`, () => {
    const random = new Random(17);
    const { values } = readLmdb(store);
    const whole = inLatin(values);
    const content = placesOfContent(store, values);
    const runs = Math.ceil(60_000_000 / store.length);
    const counts = { same: 0, refused: 0, content: 0 };
    for (let run = 0; run < runs; run++) {
      const damaged = random.pick(DAMAGES)(Buffer.from(store), random, content);
      const found = read(damaged);
      if (found === undefined) counts.refused += 1;
      else if (found === whole) counts.same += 1;
      else {
        // LMDB has no checksums: a flipped bit within a text is another text. Nothing else may matter.
        for (const at of content) if (at < damaged.length) damaged.writeUInt8(store.readUInt8(at), at);
        expect(read(damaged), `run ${run}`).toBe(whole);
        counts.content += 1;
      }
    }
    for (const count of Object.values(counts)) expect(count, JSON.stringify(counts)).toBeGreaterThan(runs / 100);
  });

/** @returns `undefined` if it is refused by name */
function read(bytes: Buffer): string | undefined {
  try {
    return inLatin(readLmdb(bytes).values);
  } catch (error) {
    if (!(error instanceof AgentError)) throw error;
    expect(error.code).toMatch(/^TAKEOVER_(?:FORMAT|DAMAGED)$/);
    return undefined;
  }
}

const inLatin = (values: ReadonlyMap<string, Buffer>): string =>
  JSON.stringify([...values].map(([key, value]) => [key, value.toString("latin1")]));

/**
 * Where the bytes of keys and values are in the file, and the bytes of their lengths that may change without a trace: by
 * one, because a node ends at an even place, and within the pages of a value that has pages for itself.
 */
function placesOfContent(store: Buffer, values: ReadonlyMap<string, Buffer>): readonly number[] {
  const places = new Set<number>();
  const add = (text: Buffer, from: number, to: number): void => {
    for (let at = store.indexOf(text); at >= 0; at = store.indexOf(text, at + 1))
      for (let byte = at + from; byte < at + to; byte++) places.add(byte);
  };
  for (const [key, value] of values) {
    add(Buffer.from(key, "latin1"), 0, key.length);
    add(value, 0, value.length);
    add(Buffer.from(key, "latin1"), -2, -1);
    add(Buffer.from(key, "latin1"), -8, value.length > 1000 ? -4 : -7);
  }
  return [...places];
}
