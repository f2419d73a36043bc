import fc from "fast-check";
import { expect, test } from "vitest";
import { estimateOf, type Supposed } from "../../../../server/domain/rollout/estimate.ts";
import { Plan } from "../../../../src/protocol/api/rollouts.ts";
import { BEGIN, planArbitrary } from "./plans.ts";

const MINUTE = 60_000;
/** Steps of 15 s: one for each of 120 cohorts. */
const FLEET: Supposed = {
  ...{ start: BEGIN, devices: 2400, groups: { lab: 120, canary: 20 }, failurePct: 0 },
  ...{ pollMs: 30 * MINUTE, updateMs: 10 * MINUTE, downloadMs: MINUTE, size: 60e6 },
};
const estimate = (plan: object, change: Partial<Supposed> = {}) =>
  estimateOf(Plan.parse(plan), { ...FLEET, ...change });
const minutes = (at: number | undefined): number | undefined => (at === undefined ? at : (at - BEGIN) / MINUTE);

const FOUR = {
  waves: [
    { group: "lab", gate: { success_pct: 100, soak_s: 3600 } },
    { percent: 75, gate: { success_pct: 95, soak_s: 1800 } },
    { count: 240, gate: { success_pct: 100 } },
    { rest: true },
  ],
};

test("four waves with gates and soaks take as long as arithmetic by hand says", () => {
  const { waves, outcome, peaks, stepMs, begun } = estimate(FOUR);
  const shown = waves.map(({ size, openedAt, gateMetAt, passedAt, endedAt }) => [
    size,
    ...[openedAt, gateMetAt, passedAt, endedAt].map(minutes),
  ]);
  expect(shown).toEqual([
    // One device in each step for 30 minutes, the last takes 10, and then an hour of soak.
    [120, 0, 40, 100, 40],
    // 19 of the 2,280 others poll in each step. 95 % are 90 steps, and all are 95.
    [1800, 100, 132.5, 162.5, 133.75],
    // Those that are left poll in steps 735 to 760, and again 30 minutes later.
    [240, 162.5, 197, 197, 197],
    [240, 197, undefined, undefined, 230],
  ]);
  expect([outcome.kind, minutes(outcome.at), begun, stepMs]).toEqual(["finishes", 230, 2400, 15_000]);
  // 19 devices begin in each step: 40 steps are an update, and 4 a download and a minute.
  expect(peaks).toEqual({ underWay: 760, bytesPerSecond: 76e6, devicesPerMinute: 76 });
});

test("a budget for downloads makes a rollout as long as its bytes need, of the plan or of the tenant", () => {
  const plan = { waves: [{ rest: true }] };
  // 60 of the 80 devices that poll in a minute begin. The others begin when they poll again.
  const expected = 60 * MINUTE + FLEET.updateMs;
  const own = { ...plan, downloads: { bytes_per_second: 60e6 } };
  for (const one of [estimate(own), estimate(plan, { bytesPerSecond: 60e6 })]) {
    expect(one.outcome.kind).toBe("finishes");
    expect(Math.abs(one.outcome.at - BEGIN - expected)).toBeLessThan(0.05 * expected);
    expect(one.peaks.bytesPerSecond).toBeLessThan(1.3 * 60e6);
  }
  expect(estimate(own, { bytesPerSecond: 30e6 }).outcome.at - BEGIN).toBeGreaterThan(80 * MINUTE);
  expect(estimate(own, { size: 0 }).outcome).toEqual(estimate(plan, { size: 0 }).outcome);
});

test("the halt rule stops a bad release as soon as enough devices have reported", () => {
  const plan = { ...FOUR, halt: { failure_pct: 5, min_reports: 20 } };
  const halted = estimate(plan, { failurePct: 10 });
  // The 20th of the first wave reports after 20 steps and an update.
  expect([minutes(halted.outcome.at), halted.begun]).toEqual([15, 59]);
  expect(halted.outcome).toMatchObject({ kind: "halts", wave: 0, reading: { rule: "FAILURE_PCT", reading: 10 } });
  expect(halted.waves[1]).toEqual({ size: 1800 });
  expect(estimate(plan, { failurePct: 5 }).outcome).toMatchObject({ kind: "waits" });
  const aborted = estimate({ ...plan, halt: { ...plan.halt, action: "abort" } }, { failurePct: 10 });
  expect(aborted.outcome).toEqual(halted.outcome);
  const overdue = estimate({ ...FOUR, halt: { failure_count: 0, overdue_after_s: 300 } });
  expect(overdue.outcome).toMatchObject({ kind: "halts", at: BEGIN + 5.25 * MINUTE, reading: { overdue: 1 } });
  const patient = estimate({ ...FOUR, halt: { failure_count: 0, overdue_after_s: 600 } });
  expect(patient.outcome).toEqual(estimate(FOUR).outcome);
});

test("a halt rule with a window reads the reports of that time only", () => {
  const plan = { waves: [{ rest: true }], halt: { failure_count: 2, window_s: 60 } };
  // 20 devices report in each step: in a minute and a step, 5 steps. 1 in 100 of them fails.
  expect(estimate(plan, { failurePct: 1 }).outcome.kind).toBe("finishes");
  expect(estimate(plan, { failurePct: 4 }).outcome).toMatchObject({ kind: "halts", reading: { reading: 3 } });
  // 100 reports are too few, and there are never more.
  const share = { waves: [{ rest: true }], halt: { failure_pct: 3, window_s: 60, min_reports: 110 } };
  expect(estimate(share, { failurePct: 4 }).outcome.kind).toBe("finishes");
  expect(estimate({ ...share, halt: { ...share.halt, min_reports: 100 } }, { failurePct: 4 }).outcome).toMatchObject({
    kind: "halts",
    reading: { failed: 4, reports: 100 },
  });
});

test("a device that was overdue and ends its update is overdue no more", () => {
  const plan = (count: number) => ({ waves: [{ rest: true }], halt: { failure_count: count, overdue_after_s: 300 } });
  // In the last 30 s of an update, two steps with 20 devices each.
  expect(estimate(plan(40), { updateMs: 330_000 }).outcome.kind).toBe("finishes");
  expect(estimate(plan(39), { updateMs: 330_000 }).outcome).toMatchObject({ kind: "halts", reading: { overdue: 40 } });
});

test("a gate that is never met is named", () => {
  const { outcome, begun } = estimate(FOUR, { failurePct: 1 });
  expect(outcome).toMatchObject({ kind: "waits", at: BEGIN + 40 * MINUTE });
  expect(outcome).toHaveProperty("waits.0", { code: "GATE", facts: { wave: 0, good: 119, of: 120, needed: 120 } });
  expect(begun).toBe(120);
});

for (const [what, sunday, hours] of [
  ["an ordinary day has three hours", "2026-11-01", 3],
  ["the day with an hour more has four", "2026-10-25", 4],
  ["the day with an hour less has two", "2026-03-29", 2],
] as const)
  test(`from 01:00 to 04:00 in Berlin, ${what}`, () => {
    const noon = Date.parse(`${sunday}T12:00:00Z`);
    const plan = {
      waves: [{ rest: true }],
      window: { time_zone: "Europe/Berlin", days: ["sun"], start: "01:00", end: "04:00" },
      rate_per_minute: 10,
      expires_at: new Date(noon).toISOString(),
    };
    const { outcome, begun } = estimate(plan, { start: noon - 24 * 60 * MINUTE, devices: 4000, pollMs: MINUTE });
    expect([outcome, begun]).toEqual([{ kind: "ends", at: noon, why: "EXPIRED" }, hours * 600]);
  });

test("limits hold: places, rate and number of devices", () => {
  const rest = { waves: [{ rest: true }] };
  const one = estimate({ ...rest, concurrency: 1 }, { devices: 100, pollMs: MINUTE });
  expect([one.peaks.underWay, one.outcome.kind]).toEqual([1, "finishes"]);
  // Each begins when the one before has ended, but for the first, which polls in the first minute.
  expect(minutes(one.outcome.at)).toBeCloseTo(1000, -1);
  const rate = estimate({ ...rest, rate_per_minute: 20 });
  expect(rate.peaks.devicesPerMinute).toBe(20);
  expect(minutes(rate.outcome.at)).toBeCloseTo(130, 0);
  const limited = estimate({ ...rest, max_devices: 100 });
  expect([limited.outcome, limited.begun]).toMatchObject([{ kind: "ends", why: "LIMIT_REACHED" }, 100]);
  expect(estimate({ ...rest, approvals: 3 }).outcome.kind).toBe("finishes");
});

test("ten million devices cost as many questions as ten thousand", () => {
  const [few, many] = [10_000, 10_000_000].map((devices) => estimate(FOUR, { devices }));
  expect(few?.outcome.kind).toBe("finishes");
  expect(many?.begun).toBe(10_000_000);
  expect(many?.asked).toBeLessThan(700);
  expect(Math.abs((many?.asked ?? 0) - (few?.asked ?? 0))).toBeLessThan(150);
  const slow = estimate({ ...FOUR, rate_per_minute: 1000 }, { devices: 10_000_000 });
  expect([slow.outcome.kind, slow.asked < 2500]).toEqual(["finishes", true]);
  const endless = estimate({ ...FOUR, concurrency: 1 }, { devices: 10_000_000 });
  expect([endless.outcome.kind, endless.asked]).toEqual(["goes_on", 12_000]);
});

test("an estimate of any plan ends or has taken its steps, is the same each time, and keeps to its limits", () => {
  const supposed = fc.record({
    devices: fc.integer({ min: 1, max: 5000 }),
    pollMs: fc.constantFrom(1000, 7 * MINUTE, 30 * MINUTE, 1440 * MINUTE),
    updateMs: fc.constantFrom(1000, 70_000, 10 * MINUTE),
    failurePct: fc.constantFrom(0, 3, 30, 100),
  });
  fc.assert(
    fc.property(planArbitrary, supposed, (plan, change) => {
      const first = estimateOf(plan, { ...FLEET, ...change });
      expect(estimateOf(plan, { ...FLEET, ...change })).toEqual(first);
      const { waves, outcome, begun, peaks, asked } = first;
      // Only what would take too many steps goes on, such as one device at a time for days.
      expect(outcome.kind === "goes_on").toBe(asked >= 12_000);
      expect(asked).toBeLessThanOrEqual(12_000);
      expect(begun).toBeLessThanOrEqual(Math.min(change.devices, plan.max_devices ?? change.devices));
      expect(peaks.underWay).toBeLessThanOrEqual(Math.min(begun, plan.concurrency ?? begun));
      if (outcome.kind === "finishes") expect(begun).toBe(change.devices);
      for (const { openedAt = 0, gateMetAt = openedAt, passedAt = gateMetAt } of waves)
        expect(openedAt <= gateMetAt && gateMetAt <= passedAt && passedAt <= outcome.at).toBe(true);
    }),
    { numRuns: 30, seed: 17 },
  );
});
