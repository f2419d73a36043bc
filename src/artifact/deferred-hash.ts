import { createHash } from "node:crypto";
import type { MaybePromise } from "../util/byte-source.ts";
import type { HashThread } from "./hash-thread.ts";

/** Less than that is not worth a message to the thread and one back. */
const BATCH_BYTES = 512 * 1024;

/** What a thread has not taken in yet. */
interface Pending {
  readonly chunk: Uint8Array;
  readonly taken: Promise<void>;
}

/**
 * A SHA-256 that takes in a chunk while the next one is on its way: waiting for storage and hashing overlap
 * without a copy. With a thread, chunks of shared memory are hashed there, beside everything else. A chunk must stay
 * as it is until its memory is released.
 */
export class DeferredHash {
  readonly #thread: HashThread | undefined;
  readonly #hash = createHash("sha256");
  #waiting: Uint8Array | undefined;
  /** The first chunk decides: a hash cannot move. */
  #isThreads: boolean | undefined;
  readonly #pending: Pending[] = [];

  /** @param thread for this hash alone until it is digested */
  constructor(thread?: HashThread) {
    this.#thread = thread;
  }

  /** Remembers `chunk`, to be taken in later. */
  add(chunk: Uint8Array): void {
    this.#isThreads ??= this.#thread !== undefined && isShared(chunk);
    const joined = this.#isThreads && this.#waiting !== undefined ? join(this.#waiting, chunk) : undefined;
    if (joined === undefined) this.#pass();
    this.#waiting = joined ?? chunk;
  }

  /** Call before `memory` is written to: what of it waits is taken in now. @returns what to wait for before that */
  release(memory: Uint8Array): MaybePromise<void> {
    if (this.#waiting !== undefined && overlap(this.#waiting, memory)) this.#pass();
    return this.#pending.findLast(({ chunk }) => overlap(chunk, memory))?.taken;
  }

  /** Takes in what waits, or has it taken in. */
  takeIn(): void {
    if (this.#isThreads === true && this.#waiting !== undefined && this.#waiting.length < BATCH_BYTES) return;
    this.#pass();
  }

  /** Lower-case hex. */
  digest(): MaybePromise<string> {
    this.#pass();
    return this.#thread !== undefined && this.#isThreads === true ? this.#thread.digest() : this.#hash.digest("hex");
  }

  #pass(): void {
    const chunk = this.#waiting;
    if (chunk === undefined) return;
    this.#waiting = undefined;
    if (this.#thread === undefined || this.#isThreads !== true) this.#hash.update(chunk);
    else this.#hand(this.#thread, isShared(chunk) ? chunk : sharedCopy(chunk));
  }

  #hand(thread: HashThread, chunk: Uint8Array): void {
    const taken = thread.update(chunk).then(() => {
      this.#pending.shift();
    });
    taken.catch(() => {
      // ignored: whoever releases the memory or asks for the digest fails with it.
    });
    this.#pending.push({ chunk, taken });
  }
}

const isShared = ({ buffer }: Uint8Array): boolean => buffer instanceof SharedArrayBuffer;

function sharedCopy(chunk: Uint8Array): Uint8Array {
  const copy = new Uint8Array(new SharedArrayBuffer(chunk.length));
  copy.set(chunk);
  return copy;
}

/** Both as one chunk, where `b` lies behind `a`. */
function join(a: Uint8Array, b: Uint8Array): Uint8Array | undefined {
  if (a.buffer !== b.buffer || a.byteOffset + a.length !== b.byteOffset) return undefined;
  return new Uint8Array(a.buffer, a.byteOffset, a.length + b.length);
}

function overlap(a: Uint8Array, b: Uint8Array): boolean {
  return a.buffer === b.buffer && a.byteOffset < b.byteOffset + b.length && b.byteOffset < a.byteOffset + a.length;
}
