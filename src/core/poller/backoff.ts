export interface BackoffLimits {
  /** Longest interval: `RetryPollIntervalSeconds`. */
  readonly maxIntervalMs: number;
  /** `RetryPollCount`: attempts in all; 0 derives them from the longest interval. */
  readonly count: number;
}

const FIRST_INTERVAL_MS = 60_000;
const USES_PER_INTERVAL = 3;

/**
 * Time to wait after the `failures`-th failure in a row (1 is the first): a minute three times, then two, four, … up
 * to the longest interval. An interval below a minute is used as it is.
 *
 * @returns `undefined` when the attempts are used up
 * @see spec "agent-states", section 6
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
 * Full jitter on top of `intervalMs`: between one and two of it, so that a fleet that lost its server at one moment
 * does not come back at one moment, and no device comes earlier than the interval says.
 *
 * @param random from 0 up to, not including, 1
 */
export const withJitter = (intervalMs: number, random: number): number => Math.round(intervalMs * (1 + random));
