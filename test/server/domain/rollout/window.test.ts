import { expect, test } from "vitest";
import { windowAt } from "../../../../server/domain/rollout/window.ts";

const berlin = { time_zone: "Europe/Berlin", days: ["sun" as const], start: "02:30", end: "03:15" };

test.each([
  ["before it, on a winter day", "2026-02-01T01:00Z", false, "2026-02-01T01:30Z"],
  ["within it", "2026-02-01T01:30Z", true, "2026-02-01T02:15Z"],
  ["at its end", "2026-02-01T02:15Z", false, "2026-02-08T01:30Z"],
  // On 29 March, clocks go from 02:00 to 03:00: the start is skipped, and what is left is empty.
  ["before the Sunday without it", "2026-03-27T12:00Z", false, "2026-04-05T00:30Z"],
  ["on the Sunday after that", "2026-04-05T00:45Z", true, "2026-04-05T01:15Z"],
  // On 25 October, 02:30 comes twice: it begins with the first.
  ["when clocks go back", "2026-10-25T00:29Z", false, "2026-10-25T00:30Z"],
  ["in the hour that comes twice", "2026-10-25T01:45Z", true, "2026-10-25T02:15Z"],
])("a window in Berlin, %s", (_name, now, isOpen, changesAt) => {
  const state = windowAt({ ...berlin, days: [...berlin.days] }, Date.parse(now));
  expect([state.isOpen, new Date(state.changesAt).toISOString()]).toEqual([isOpen, new Date(changesAt).toISOString()]);
});

test("a window over midnight belongs to the day on which it starts", () => {
  const window = { time_zone: "America/New_York", days: ["fri" as const], start: "22:00", end: "04:00" };
  const at = (time: string): boolean => windowAt(window, Date.parse(time)).isOpen;
  expect(["2026-06-05T21:59-04:00", "2026-06-05T22:00-04:00", "2026-06-06T03:59-04:00"].map(at)).toEqual([
    ...[false, true, true],
  ]);
  expect(["2026-06-06T04:00-04:00", "2026-06-06T22:30-04:00"].map(at)).toEqual([false, false]);
});

test("an answer that is remembered does not outlive the window", () => {
  const window = { ...berlin, days: [...berlin.days] };
  expect(windowAt(window, Date.parse("2026-03-27T12:00Z")).isOpen).toBe(false);
  expect(windowAt(window, Date.parse("2026-04-05T00:45Z")).isOpen).toBe(true);
  expect(windowAt(window, Date.parse("2026-03-27T12:00Z")).isOpen).toBe(false);
});
