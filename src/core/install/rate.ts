import type { Clock } from "../../ports/clock.ts";

/** The slowest acceptable download rate, averaged over `overMs` of waiting time. */
export interface MinimumRate {
  /** 0: no limit. */
  readonly bytesPerSecond: number;
  readonly overMs: number;
}

/** Measures the rate of incoming chunks. Counts only the time spent waiting for them, not the time of a slow reader. */
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

  /** Must be called every `overMs`. @returns the bytes per second in that time, if they are too few */
  tooSlow(): number | undefined {
    const waitedMs = this.#waited();
    // Too little waiting time for a judgement.
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

/** Limits a reader to a number of bytes per second, averaged over the whole transfer. */
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
