/** For how long a rollout without a place is not asked for one. The places change about once a second. */
const FULL_MS = 1000;

/**
 * Remembers which rollouts had no place for a device, so that the next devices of a fleet that waits for places do not
 * all try to take one. What is forgotten costs a try.
 */
export class FullRollouts {
  readonly #until = new Map<string, number>();

  add(deployment: string): void {
    this.#until.set(deployment, performance.now() + FULL_MS);
  }

  /** To be called when there may be places again. */
  delete(deployment: string): void {
    this.#until.delete(deployment);
  }

  has(deployment: string): boolean {
    const until = this.#until.get(deployment);
    if (until === undefined) return false;
    if (performance.now() < until) return true;
    this.#until.delete(deployment);
    return false;
  }
}
