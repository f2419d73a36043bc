/** How long a receiver may fail before its webhook is disabled. Its events wait as long. */
export const GIVE_UP_AFTER_S = 3 * 24 * 3600;
const FIRST_S = 5;
const LONGEST_S = 3600;

/**
 * Seconds until the next attempt: twice as long after each failure, up to an hour. Half of it is random, so that
 * deliveries that failed together do not come back together.
 *
 * @param failures how many there were, at least 1
 * @param random 0 to 1
 */
export function retryAfterS(failures: number, random: number): number {
  const longest = Math.min(LONGEST_S, FIRST_S * 2 ** Math.min(20, failures - 1));
  return longest / 2 + (longest / 2) * random;
}
