/** A server that asks for more is not heeded further: a slip there must not lose a fleet for good. */
const LONGEST_MS = 24 * 3600 * 1000;

const FIXDATE = /^[A-Z][a-z]{2}, \d{2} [A-Z][a-z]{2} \d{4} \d{2}:\d{2}:\d{2} GMT$/;

/**
 * How long a server asks to be left alone: `Retry-After` in seconds, or as a date. A date counts from the moment that
 * the server itself names in `Date`, because a device may not know yet what day it is.
 *
 * @param headers of the answer, by lower-case name
 * @param nowMs wall time, for a server that names no moment
 * @returns 0 for a date that has passed, a day at most; `undefined` when the server does not ask, or not in any form
 * that there is
 * @see spec "device-api", section 8
 */
export function retryAfterMs(headers: Readonly<Record<string, string>>, nowMs: number): number | undefined {
  const asked = headers["retry-after"]?.trim() ?? "";
  if (/^\d+$/.test(asked)) return Math.min(Number(asked) * 1000, LONGEST_MS);
  if (!FIXDATE.test(asked)) return undefined;
  const until = Date.parse(asked);
  const from = Date.parse(headers["date"] ?? "");
  if (Number.isNaN(until)) return undefined;
  return Math.min(Math.max(0, until - (Number.isNaN(from) ? nowMs : from)), LONGEST_MS);
}
