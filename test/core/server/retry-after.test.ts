import { expect, test } from "vitest";
import { retryAfterMs } from "../../../src/core/server/retry-after.ts";

const AT = "Wed, 02 Jan 2030 03:04:05 GMT";
const at = Date.parse(AT);

test.each<[string, Record<string, string>, number | undefined]>([
  ["seconds", { "retry-after": "7" }, 7_000],
  ["seconds with blanks", { "retry-after": " 0 " }, 0],
  ["more than a day", { "retry-after": "99999999999999999999" }, 86_400_000],
  ["a date", { "retry-after": AT }, 30_000],
  ["a date that has passed", { "retry-after": "Wed, 02 Jan 2030 03:00:00 GMT" }, 0],
  ["a date and what the server takes for now", { "retry-after": AT, date: "Wed, 02 Jan 2030 03:04:00 GMT" }, 5_000],
  ["a date years ahead", { "retry-after": "Wed, 02 Jan 2036 03:04:05 GMT" }, 86_400_000],
  ["nothing", {}, undefined],
  ["a fraction", { "retry-after": "1.5" }, undefined],
  ["less than nothing", { "retry-after": "-1" }, undefined],
  ["another form of date", { "retry-after": "2030-01-02T03:04:05Z" }, undefined],
  ["a date that is none", { "retry-after": "Wed, 99 Jan 2030 03:04:05 GMT" }, undefined],
])("%s", (_what, headers, expected) => {
  expect(retryAfterMs(headers, at - 30_000)).toBe(expected);
});
