import type { Clock } from "../../ports/clock.ts";

/** The slowest that a download may be, on the average of `overMs` in which it is waited for. */
export interface MinimumRate {
  /** 0: as slow as it likes. */
  readonly bytesPerSecond: number;
  readonly overMs: number;
}

/** Measures how fast chunks come, by the time that is spent waiting for them: a reader who is slow is not their fault. */
export class ThroughputMonitor {
  readonly #clock: Clock;
  readonly #slowest: MinimumRate;
  #bytes = 0;
  #waitedMs = 0;
  #waitsSinceMs: number | undefined;

  constructor(clock: Clock, slowest: MinimumRate) {
    this.#clock = clock;
    this.#slowest = slowest;
  }

  async next(chunks: AsyncIterator<Uint8Array>): Promise<IteratorResult<Uint8Array>> {
    this.#waitsSinceMs = this.#clock.monotonicMs();
    const result = await chunks.next();
    this.#waitedMs = this.#waited();
    this.#waitsSinceMs = undefined;
    if (result.done !== true) this.#bytes += result.value.length;
    return result;
  }

  /** To be asked each `overMs`. @returns the bytes a second of that time, where they are too few */
  tooSlow(): number | undefined {
    const waitedMs = this.#waited();
    // Nothing can be said yet of what was hardly waited for.
    if (waitedMs < this.#slowest.overMs / 2) return undefined;
    const bytesPerSecond = Math.round((this.#bytes * 1000) / waitedMs);
    this.#bytes = 0;
    this.#waitedMs = 0;
    if (this.#waitsSinceMs !== undefined) this.#waitsSinceMs = this.#clock.monotonicMs();
    return bytesPerSecond < this.#slowest.bytesPerSecond ? bytesPerSecond : undefined;
  }

  #waited(): number {
    const nowMs = this.#clock.monotonicMs();
    return this.#waitedMs + nowMs - (this.#waitsSinceMs ?? nowMs);
  }
}

/** Holds a reader back to so many bytes a second, on the average of the whole. */
export class RateLimiter {
  readonly #clock: Clock;
  readonly #bytesPerSecond: number;
  readonly #startMs: number;
  #bytes = 0;

  constructor(clock: Clock, bytesPerSecond = Number.POSITIVE_INFINITY) {
    this.#clock = clock;
    this.#bytesPerSecond = bytesPerSecond;
    this.#startMs = clock.monotonicMs();
  }

  async after(bytes: number, signal: AbortSignal): Promise<void> {
    this.#bytes += bytes;
    const earlyMs = this.#startMs + (this.#bytes / this.#bytesPerSecond) * 1000 - this.#clock.monotonicMs();
    if (earlyMs > 0) await this.#clock.sleep(Math.ceil(earlyMs), signal);
  }
}
