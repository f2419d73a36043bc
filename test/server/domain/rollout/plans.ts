import fc from "fast-check";
import { Plan } from "../../../../src/protocol/api/rollouts.ts";

/** Midnight in UTC, on a Monday. */
export const BEGIN = Date.UTC(2026, 5, 1);
const at = (minutes: number): string => new Date(BEGIN + minutes * 60_000).toISOString();
const maybe = <T>(arbitrary: fc.Arbitrary<T>): fc.Arbitrary<T | undefined> =>
  fc.option(arbitrary, { nil: undefined, freq: 2 });

const sizeArbitrary = fc.oneof(
  fc.constantFrom(5, 10, 25, 30).map((percent) => ({ percent })),
  fc.integer({ min: 1, max: 12 }).map((count) => ({ count })),
  fc.constant({ group: "canary" }),
);
const gateArbitrary = fc.record({
  success_pct: fc.constantFrom(0, 50, 80, 95, 100),
  soak_s: fc.constantFrom(0, 0, 60, 600),
});

/** Plans of all kinds. Those that the API refuses are left out. */
export const planArbitrary: fc.Arbitrary<Plan> = fc
  .record({
    waves: fc.array(fc.record({ size: sizeArbitrary, gate: maybe(gateArbitrary), start: maybe(fc.nat(90)) }), {
      maxLength: 3,
    }),
    lastStart: maybe(fc.nat(90)),
    rate: maybe(fc.constantFrom(1, 3, 12)),
    concurrency: maybe(fc.integer({ min: 1, max: 6 })),
    max: maybe(fc.integer({ min: 1, max: 30 })),
    halt: maybe(
      fc.record({
        failure_pct: maybe(fc.constantFrom(0, 5, 20, 50)),
        failure_count: maybe(fc.constantFrom(0, 1, 3)),
        window_s: maybe(fc.constant(300)),
        min_reports: fc.constantFrom(1, 3, 10),
        overdue_after_s: maybe(fc.constant(600)),
        action: fc.constantFrom("pause", "pause", "abort"),
      }),
    ),
    hours: maybe(fc.constantFrom(["00:00", "00:30"], ["00:20", "01:10"], ["23:00", "00:15"])),
    expires: maybe(fc.integer({ min: 20, max: 120 })),
    approvals: maybe(fc.constantFrom(1, 2)),
  })
  .map(({ waves, lastStart, rate, concurrency, max, halt, hours, expires, approvals }) => {
    let started = 0;
    const start = (minutes: number | undefined): { start_at?: string } => {
      if (minutes === undefined) return {};
      started = Math.max(started, minutes);
      return { start_at: at(started) };
    };
    const before = waves.map((wave) => ({
      ...{ ...wave.size, ...start(wave.start) },
      ...(wave.gate !== undefined && { gate: wave.gate }),
    }));
    return Plan.safeParse({
      waves: [...before, { rest: true, ...start(lastStart) }],
      ...(rate !== undefined && { rate_per_minute: rate }),
      ...(concurrency !== undefined && { concurrency }),
      ...(max !== undefined && { max_devices: max }),
      ...(halt !== undefined && { halt }),
      ...(hours !== undefined && {
        window: { time_zone: "UTC", days: ["mon", "tue", "sun"], start: hours[0], end: hours[1] },
      }),
      ...(expires !== undefined && { expires_at: at(expires) }),
      ...(approvals !== undefined && { approvals }),
    });
  })
  .filter(({ success }) => success)
  .map(({ data }) => data as Plan);

export type Step =
  | { readonly do: "wait"; readonly s: number }
  | { readonly do: "poll" | "leave"; readonly device: number }
  | { readonly do: "end"; readonly device: number; readonly as: "updated" | "failed" | "had" | "unfit" }
  | { readonly do: "act"; readonly acts: readonly { readonly act: string; readonly by: string }[] };

const deviceArbitrary = fc.nat(59);
const actArbitrary = fc.record({
  act: fc.oneof(
    {
      weight: 30,
      arbitrary: fc.constantFrom(
        ...[
          "approve",
          "approve",
          "pause",
          "resume",
          "resume",
          "resume",
          "open_next",
          "skip_soak",
          "retry_failed",
          "leave_out",
        ],
      ),
    },
    // They end everything, so they must be rare.
    { weight: 1, arbitrary: fc.constantFrom("abort", "roll_back") },
  ),
  by: fc.constantFrom("author", "ann", "bob"),
});

const stepArbitrary: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 3,
    arbitrary: fc.record({ do: fc.constant("wait" as const), s: fc.constantFrom(1, 9, 20, 60, 61, 300, 1800) }),
  },
  { weight: 10, arbitrary: fc.record({ do: fc.constant("poll" as const), device: deviceArbitrary }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("leave" as const), device: deviceArbitrary }) },
  {
    weight: 8,
    arbitrary: fc.record({
      do: fc.constant("end" as const),
      device: deviceArbitrary,
      as: fc.constantFrom("updated", "updated", "updated", "failed", "had", "unfit"),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      do: fc.constant("act" as const),
      acts: fc.array(actArbitrary, { minLength: 1, maxLength: 2 }),
    }),
  },
);

/** What happens to a rollout. `poll` and `end` are about the nth device that can do so. */
export const stepsArbitrary: fc.Arbitrary<readonly Step[]> = fc.array(stepArbitrary, { maxLength: 120, size: "max" });
