import type { Finding } from "../../ports/finding.ts";
import { day } from "./words.ts";

/**
 * No device that runs this version is older. Written down and not taken from the build, which is the same byte for
 * byte whenever it is made.
 */
const NOT_BEFORE_MS = Date.UTC(2026, 0, 1);

/** A clock that was never set makes every certificate one that is not valid yet. */
export function judgeClock(nowMs: number): Finding {
  const subject = "clock";
  if (nowMs >= NOT_BEFORE_MS) return { level: "good", subject, found: new Date(nowMs).toISOString() };
  const found = `${new Date(nowMs).toISOString()}, before ${day(NOT_BEFORE_MS)}, when this version was made`;
  const advice = "Set the clock: from a battery-backed one, by NTP, or to the time of the last shutdown.";
  return { level: "bad", subject, found, advice };
}
