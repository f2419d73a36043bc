/** Longer delays are cut to this limit: a mistake on the server must not lose a fleet for ever. */
const LONGEST_MS = 24 * 3600 * 1000;

const FIXDATE = /^[A-Z][a-z]{2}, \d{2} [A-Z][a-z]{2} \d{4} \d{2}:\d{2}:\d{2} GMT$/;

/**
 * The delay that a server asks for with `Retry-After`, in seconds or as a date. A date counts from the time in the
 * server's `Date` header, because the device may not know the date yet.
 *
 * @param headers of the response, by lower-case name
 * @param nowMs wall time, for a server without a `Date` header
 * @returns 0 for a past date, at most a day; `undefined` without a valid `Retry-After`
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
