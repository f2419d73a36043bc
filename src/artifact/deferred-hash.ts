import { createHash } from "node:crypto";

/**
 * A SHA-256 that hashes a chunk while the next one is being read: waiting for storage and hashing overlap without a
 * copy. A chunk must stay unchanged until it is hashed.
 */
export class DeferredHash {
  readonly #hash = createHash("sha256");
  #waiting: Uint8Array | undefined;

  /** Keeps `chunk`, to be hashed later. */
  add(chunk: Uint8Array): void {
    this.takeIn();
    this.#waiting = chunk;
  }

  /** Must be called before `memory` is overwritten: hashes the pending chunk if it lies in `memory`. */
  release(memory: Uint8Array): void {
    if (this.#waiting !== undefined && overlap(this.#waiting, memory)) this.takeIn();
  }

  /** Hashes the pending chunk. */
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
