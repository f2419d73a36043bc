/**
 * A map that forgets what was not used for long when it is full.
 *
 * It keeps two generations. What is found in the old one moves to the young one. When the young one is full, it takes the
 * place of the old one. A lookup of what is used often changes nothing, so that it costs no more than that of a map.
 */
export class RecentlyUsed<K, V> {
  #young = new Map<K, V>();
  #old = new Map<K, V>();
  readonly #generation: number;

  /** Keeps the `limit / 2` entries that were used last, and `limit` at most. */
  constructor(limit: number) {
    this.#generation = Math.ceil(limit / 2);
  }

  get(key: K): V | undefined {
    const value = this.#young.get(key);
    if (value !== undefined) return value;
    const older = this.#old.get(key);
    if (older !== undefined) this.set(key, older);
    return older;
  }

  set(key: K, value: V): void {
    this.#old.delete(key);
    this.#young.set(key, value);
    if (this.#young.size < this.#generation) return;
    this.#old = this.#young;
    this.#young = new Map();
  }

  delete(key: K): void {
    this.#young.delete(key);
    this.#old.delete(key);
  }

  entries(): [K, V][] {
    return [...this.#old, ...this.#young];
  }

  clear(): void {
    this.#young.clear();
    this.#old.clear();
  }
}
