export interface BackoffLimits {
  /** Longest interval: `RetryPollIntervalSeconds`. */
  readonly maxIntervalMs: number;
  /** `RetryPollCount`: total attempts; 0 derives the number from the longest interval. */
  readonly count: number;
}

const FIRST_INTERVAL_MS = 60_000;
const USES_PER_INTERVAL = 3;

/**
 * Time to wait after the `failures`-th failure in a row (1 is the first): one minute three times, then two, four, … up
 * to the longest interval. If the longest interval is below a minute, it applies from the start.
 *
 * @returns `undefined` when the attempts are used up
 */
export function backoffMs(failures: number, { maxIntervalMs, count }: BackoffLimits): number | undefined {
  if (count > 0 && failures > count) return undefined;
  let interval = Math.min(FIRST_INTERVAL_MS, maxIntervalMs);
  for (let used = USES_PER_INTERVAL; used < failures; used += USES_PER_INTERVAL) {
    if (interval === maxIntervalMs) return count > 0 ? interval : undefined;
    interval = Math.min(interval * 2, maxIntervalMs);
  }
  return interval;
}

/**
 * Adds jitter: returns between one and two times `intervalMs`. A fleet that lost its server at the same moment then
 * does not return at the same moment, and no device returns before the interval has passed.
 *
 * @param random at least 0 and less than 1
 */
export const withJitter = (intervalMs: number, random: number): number => Math.round(intervalMs * (1 + random));
