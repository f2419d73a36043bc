import { describe, expect, test } from "vitest";
import { backoffMs, withJitter } from "../../../src/core/poller/backoff.ts";

/** Seconds of every wait until the attempts are used up, or of the first `most`. */
function waits(maxSeconds: number, count: number, most = 100): number[] {
  const found: number[] = [];
  for (let failures = 1; failures <= most; failures++) {
    const ms = backoffMs(failures, { maxIntervalMs: maxSeconds * 1000, count });
    if (ms === undefined) return found;
    found.push(ms / 1000);
  }
  return found;
}

const thrice = (...seconds: number[]): number[] => seconds.flatMap((each) => [each, each, each]);

describe.each([
  { max: 300, count: 0, expected: thrice(60, 120, 240, 300) },
  { max: 240, count: 0, expected: thrice(60, 120, 240) },
  { max: 61, count: 0, expected: thrice(60, 61) },
  { max: 60, count: 0, expected: thrice(60) },
  { max: 5, count: 0, expected: thrice(5) },
  { max: 3600, count: 0, expected: thrice(60, 120, 240, 480, 960, 1920, 3600) },
  { max: 120, count: 8, expected: [...thrice(60, 120), 120, 120] },
  { max: 120, count: 2, expected: [60, 60] },
  { max: 5, count: 5, expected: [5, 5, 5, 5, 5] },
])("with a longest interval of $max s and a count of $count", ({ max, count, expected }) => {
  test("each interval is used three times, doubled, and then the attempts are used up", () => {
    expect(waits(max, count)).toEqual(expected);
  });
});

test("attempts that are used up stay used up", () => {
  for (const failures of [13, 14, 100, 1_000_000])
    expect(backoffMs(failures, { maxIntervalMs: 300_000, count: 0 })).toBeUndefined();
});

test("jitter spreads a wait evenly between one and two intervals, never below one", () => {
  expect([0, 0.25, 0.5, 0.999_999].map((random) => withJitter(60_000, random))).toEqual([
    60_000, 75_000, 90_000, 120_000,
  ]);
});
