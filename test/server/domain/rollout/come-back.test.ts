import fc from "fast-check";
import { expect, test } from "vitest";
import { advance } from "../../../../server/domain/rollout/advance.ts";
import { comeBackOf, type Reopening, reopeningOf, retryAfterS } from "../../../../server/domain/rollout/come-back.ts";
import { type Counts, NO_TALLY, type Tally } from "../../../../server/domain/rollout/counts.ts";
import { initialMemory, type Memory } from "../../../../server/domain/rollout/memory.ts";
import { Plan } from "../../../../src/protocol/api/rollouts.ts";

/** A Monday, at eight in the morning. */
const NOW = Date.parse("2026-06-01T08:00:00Z");
const NIGHT = { time_zone: "UTC", days: ["mon", "tue"], start: "22:00", end: "23:00" };
const counts = (devices: number, ...waves: Partial<Tally>[]): Counts => ({
  ...{ devices, leftOut: 0, outside: 0, recent: { failed: 0, reports: 0 }, overdue: 0, causes: [], groups: {} },
  waves: waves.map((wave) => ({ ...NO_TALLY, ...wave })),
});

function reopening(plan: object, { is = counts(100), more = {} }: { is?: Counts; more?: Partial<Memory> } = {}) {
  const parsed = Plan.parse(plan);
  const memory = { ...initialMemory("a", NOW), ...more };
  const after = advance(parsed, memory, { counts: is, acts: [], now: NOW });
  return reopeningOf(parsed, after.memory, is, after.allowance, after.waits);
}

const SOAKING = { waves: [{ count: 10, gate: { success_pct: 50, soak_s: 900 } }, { rest: true }] };
const OPEN = { waves: [{ openedAt: NOW - 60_000, from: 0, size: 10 }] };
const hour = 3_600_000;
for (const { title, plan, with: given, expected } of [
  {
    title: "before the start of the first wave",
    plan: { waves: [{ start_at: new Date(NOW + hour).toISOString(), rest: true }], rate_per_minute: 50 },
    expected: { at: NOW + hour, waiting: 128, perMinute: 50 },
  },
  {
    title: "outside of the window",
    plan: { waves: [{ rest: true }], window: NIGHT },
    expected: { at: NOW + 14 * hour, lastsS: 3600, waiting: 128 },
  },
  {
    title: "the start is outside of the window",
    plan: { waves: [{ start_at: new Date(NOW + hour).toISOString(), rest: true }], window: NIGHT },
    expected: { at: NOW + 14 * hour, lastsS: 3600, waiting: 128 },
  },
  {
    title: "the wave soaks: the next one is for the rest",
    plan: SOAKING,
    with: { is: counts(100, { updated: 10 }), more: OPEN },
    expected: { at: NOW + 900_000, waiting: 128 },
  },
  {
    title: "the gate is not met: nobody knows when it is",
    plan: SOAKING,
    with: { is: counts(100, { underWay: 10 }), more: OPEN },
    expected: { waiting: 128 },
  },
  {
    title: "the rate lets few begin",
    plan: { waves: [{ rest: true }], rate_per_minute: 6 },
    expected: { waiting: 128, perMinute: 6 },
  },
  { title: "it waits for approval", plan: { waves: [{ rest: true }], approvals: 1 }, expected: undefined },
  {
    title: "it is paused",
    plan: { waves: [{ rest: true }], rate_per_minute: 6 },
    with: { more: { paused: { at: NOW, by: "a" } } },
    expected: undefined,
  },
])
  test(`when devices may begin: ${title}`, () => expect(reopening(plan, given)).toEqual(expected));

const back = (code: Parameters<typeof comeBackOf>[0], is: Reopening | undefined, intervalS = 1800, until?: number) =>
  comeBackOf(code, is, until === undefined ? undefined : { until, downloadS: 4 }, NOW, intervalS);

test("devices come back when they may begin, over the time that all of them need, and not later than usual", () => {
  const soon = { at: NOW + 600_000, waiting: 128 };
  expect(back("WAITS_FOR_WAVE", { ...soon, perMinute: 64 })).toMatchObject({ from: soon.at, spreadS: 120 });
  expect(back("WAITS_FOR_WAVE", soon)).toMatchObject({ from: soon.at, spreadS: 1800 });
  expect(back("OUTSIDE_WINDOW", { ...soon, lastsS: 900 })).toMatchObject({ spreadS: 900 });
  // At the usual poll, it is time to say so.
  expect(back("OUTSIDE_WINDOW", soon, 500)).toBeUndefined();
  expect(back("WAITS_FOR_PLACE", { waiting: 8, perMinute: 6 })).toMatchObject({ from: NOW, spreadS: 80 });
  // At that rate, the usual polls are as many as the places.
  expect(back("WAITS_FOR_PLACE", { waiting: 1024, perMinute: 6 })).toBeUndefined();
  expect(back("WAITS_FOR_PLACE", { waiting: 8 })).toBeUndefined();
  expect(back("WAITS_FOR_WAVE", { waiting: 8, perMinute: 6 })).toBeUndefined();
  expect(back("WAITS_FOR_DOWNLOADS", { waiting: 8 }, 1800, NOW + 9000)).toMatchObject({
    from: NOW + 9000,
    spreadS: 32,
  });
  for (const code of ["ROLLOUT_HALTED", "NEEDS_APPROVAL", "NOT_IN_TARGET", "ALREADY_INSTALLED"] as const)
    expect(back(code, { ...soon, perMinute: 64 })).toBeUndefined();
});

test("Retry-After counts from the answer, and is never less than a second or more than the interval and the spread", () => {
  const comeBack = { from: NOW + 10_000, spreadS: 60, intervalS: 300 };
  expect(retryAfterS(comeBack, NOW, 0)).toBe(10);
  expect(retryAfterS(comeBack, NOW + 4000, 0.5)).toBe(36);
  expect(retryAfterS(comeBack, NOW + 60_000, 0)).toBe(1);
  expect(retryAfterS({ ...comeBack, from: NOW + 300_000 }, NOW, 0)).toBeUndefined();
  fc.assert(
    fc.property(fc.nat(600_000), fc.double({ min: 0, max: 0.999, noNaN: true }), (ms, random) => {
      const seconds = retryAfterS(comeBack, NOW + ms, random);
      expect(seconds).toBeGreaterThanOrEqual(1);
      expect(seconds).toBeLessThanOrEqual(70);
    }),
  );
});

test("devices that all asked in the same second come back evenly: no tenth of the time has more than a fifth of them", () => {
  const comeBack = back("OUTSIDE_WINDOW", { at: NOW + 600_000, waiting: 1024, lastsS: 1000 });
  let seed = 1;
  const random = (): number => {
    seed = (seed * 16_807) % 2_147_483_647;
    return seed / 2_147_483_647;
  };
  const tenths = Array.from({ length: 10 }, () => 0);
  for (let n = 0; n < 1000; n += 1) {
    const seconds = comeBack && retryAfterS(comeBack, NOW, random());
    const tenth = Math.min(9, Math.floor(((seconds ?? 0) - 600) / 100));
    tenths[tenth] = (tenths[tenth] ?? 0) + 1;
  }
  expect(Math.max(...tenths)).toBeLessThan(200);
  expect(Math.min(...tenths)).toBeGreaterThan(50);
});
