import { createHash, randomBytes } from "node:crypto";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { DeferredHash } from "../../src/artifact/deferred-hash.ts";
import { type HashThread, startHashThread } from "../../src/artifact/hash-thread.ts";

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
      expect(hash.release(into)).toBeUndefined();
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
    expect(hash.release(chunk)).toBeUndefined();
    hash.takeIn();
  }
  expect(hash.digest()).toBe(expected);
});

describe("with a thread", () => {
  let thread: HashThread;
  beforeEach(() => {
    thread = startHashThread();
  });
  afterEach(() => thread.close());

  const shared = (bytes: number): Uint8Array => new Uint8Array(new SharedArrayBuffer(bytes));

  test("two buffers of shared memory in turn, each released before it is written to, give the same hash", async () => {
    const memory = shared(2 * 1024 * 1024);
    const hash = new DeferredHash(thread);
    const large = Array.from({ length: 9 }, () => randomBytes(1024 * 1024));
    for (const [index, chunk] of large.entries()) {
      const into = memory.subarray((index % 2) * chunk.length, ((index % 2) + 1) * chunk.length);
      await hash.release(into);
      into.set(chunk);
      hash.add(into);
      hash.takeIn();
    }
    expect(await hash.digest()).toBe(createHash("sha256").update(Buffer.concat(large)).digest("hex"));
  });

  test("memory that the thread still looks at is not released before it is done", async () => {
    const memory = shared(1024 * 1024);
    const hash = new DeferredHash(thread);
    hash.add(memory);
    hash.takeIn();
    const released = hash.release(memory.subarray(5, 6));
    expect(released).toBeInstanceOf(Promise);
    await released;
    expect(hash.release(memory)).toBeUndefined();
    expect(await hash.digest()).toBe(createHash("sha256").update(Buffer.alloc(memory.length)).digest("hex"));
  });

  test("small pieces that lie side by side, and one of other memory, are hashed in order", async () => {
    const memory = shared(1000);
    const hash = new DeferredHash(thread);
    let at = 0;
    for (const [index, chunk] of chunks.entries()) {
      const piece = index === 3 ? chunk : memory.subarray(at, at + chunk.length);
      piece.set(chunk);
      at += chunk.length;
      hash.add(piece);
      hash.takeIn();
    }
    expect(await hash.digest()).toBe(expected);
  });

  test("one thread serves one hash after the other", async () => {
    for (const chunk of chunks) {
      const memory = shared(chunk.length);
      memory.set(chunk);
      const hash = new DeferredHash(thread);
      hash.add(memory);
      expect(await hash.digest()).toBe(createHash("sha256").update(chunk).digest("hex"));
    }
  });

  test("a thread that ends leaves nobody waiting", async () => {
    const hash = new DeferredHash(thread);
    const memory = shared(1024 * 1024);
    hash.add(memory);
    hash.takeIn();
    const released = hash.release(memory);
    await thread.close();
    await expect(released).rejects.toThrow("the thread that hashes has ended");
    await expect(hash.digest()).rejects.toThrow("the thread that hashes has ended");
  });
});
