import { createHash, randomBytes } from "node:crypto";
import { expect, test } from "vitest";
import { DeferredHash } from "../../src/artifact/deferred-hash.ts";

const chunks = Array.from({ length: 7 }, (_, index) => randomBytes(100 + index));
const expected = createHash("sha256").update(Buffer.concat(chunks)).digest("hex");

test("chunks in memory of their own are hashed in order", () => {
  const hash = new DeferredHash();
  for (const chunk of chunks) hash.add(chunk);
  expect(hash.digest()).toBe(expected);
});

for (const [title, offsets] of [
  ["one buffer used again and again", [0]],
  ["two buffers in turn", [0, 200]],
  ["buffers that overlap in a single byte", [0, 99]],
] as const) {
  test(`${title}, each released before it is written to, give the same hash`, () => {
    const memory = new Uint8Array(400);
    const hash = new DeferredHash();
    for (const [index, chunk] of chunks.entries()) {
      const start = offsets[index % offsets.length] ?? 0;
      const into = memory.subarray(start, start + chunk.length);
      hash.release(into);
      into.set(chunk);
      hash.add(into);
    }
    expect(hash.digest()).toBe(expected);
  });
}

test("what waits is taken in once", () => {
  const hash = new DeferredHash();
  for (const chunk of chunks) {
    hash.add(chunk);
    hash.takeIn();
    hash.release(chunk);
    hash.takeIn();
  }
  expect(hash.digest()).toBe(expected);
});
