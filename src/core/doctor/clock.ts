import type { Finding } from "../../ports/finding.ts";
import { day } from "./words.ts";

/** The oldest Node that this runs on (20.19) came out then. Image builders may set the times of all files to 1970. */
const OLDEST_MS = Date.UTC(2025, 2, 13);

/**
 * A clock that was never set makes every certificate one that is not valid yet.
 *
 * @param programMs when the files of this program were made
 */
export function assessClock(nowMs: number, programMs: number): Finding {
  const subject = "clock";
  const notBefore = Math.max(OLDEST_MS, programMs);
  if (nowMs >= notBefore) return { level: "good", subject, found: new Date(nowMs).toISOString() };
  const found = `${new Date(nowMs).toISOString()}, before this program was built (${day(notBefore)})`;
  const advice = "Set the clock from a real-time clock with a battery, by NTP, or to the time of the last shutdown.";
  return { level: "bad", subject, found, advice };
}
