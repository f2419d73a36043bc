/** For how long a rollout without a place is not asked for one. The places change about once a second. */
const FULL_MS = 1000;
/** A budget is not asked sooner: whoever remembers nothing asks it again and again. */
const SHORTEST_MS = 20;
/** More are not remembered for long. */
const KEPT_MAX = 20_000;

/**
 * Remembers which rollouts had no place for a device, and which budgets for downloads are used up, so that the next
 * devices of a fleet that waits do not all ask the database. What is forgotten costs a try.
 */
export class FullRollouts {
  readonly #until = new Map<string, number>();

  /** @param key the id of the rollout, or the key of the budget */
  add(key: string, forMs = FULL_MS): void {
    if (this.#until.size >= KEPT_MAX) for (const one of this.#until.keys()) this.has(one);
    if (this.#until.size >= KEPT_MAX) this.#until.clear();
    this.#until.set(key, performance.now() + Math.max(SHORTEST_MS, forMs));
  }

  /** To be called when there may be places again. */
  delete(key: string): void {
    this.#until.delete(key);
  }

  has = (key: string): boolean => this.leftMs(key) > 0;

  /** For how long it is still remembered. */
  leftMs(key: string): number {
    const until = this.#until.get(key);
    if (until === undefined) return 0;
    const left = until - performance.now();
    if (left > 0) return left;
    this.#until.delete(key);
    return 0;
  }
}
