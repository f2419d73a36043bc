import type { Finding } from "../../ports/finding.ts";
import { day } from "./words.ts";

/** Release date of the oldest supported Node (20.19). Image builders may set all file times to 1970. */
const OLDEST_MS = Date.UTC(2025, 2, 13);

/**
 * Checks that the clock is set: with an unset clock, no certificate is valid yet.
 *
 * @param programMs modification time of this program's files
 */
export function assessClock(nowMs: number, programMs: number): Finding {
  const subject = "clock";
  const notBefore = Math.max(OLDEST_MS, programMs);
  if (nowMs >= notBefore) return { level: "good", subject, found: new Date(nowMs).toISOString() };
  const found = `${new Date(nowMs).toISOString()}, before this program was built (${day(notBefore)})`;
  const advice = "Set the clock from a real-time clock with a battery, by NTP, or to the time of the last shutdown.";
  return { level: "bad", subject, found, advice };
}
