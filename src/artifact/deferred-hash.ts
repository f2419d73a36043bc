import { createHash } from "node:crypto";

/**
 * A SHA-256 that takes in a chunk while the next one is on its way: waiting for storage and hashing overlap
 * without a copy. A chunk must stay as it is until it has been taken in.
 */
export class DeferredHash {
  readonly #hash = createHash("sha256");
  #waiting: Uint8Array | undefined;

  /** Remembers `chunk`, to be taken in later. */
  add(chunk: Uint8Array): void {
    this.takeIn();
    this.#waiting = chunk;
  }

  /** Call before `memory` is written to: what of it waits is taken in now. */
  release(memory: Uint8Array): void {
    if (this.#waiting !== undefined && overlap(this.#waiting, memory)) this.takeIn();
  }

  /** Takes in what waits. */
  takeIn(): void {
    if (this.#waiting !== undefined) this.#hash.update(this.#waiting);
    this.#waiting = undefined;
  }

  /** Lower-case hex. */
  digest(): string {
    this.takeIn();
    return this.#hash.digest("hex");
  }
}

function overlap(a: Uint8Array, b: Uint8Array): boolean {
  return a.buffer === b.buffer && a.byteOffset < b.byteOffset + b.length && b.byteOffset < a.byteOffset + a.length;
}
