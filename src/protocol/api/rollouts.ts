import { z } from "zod";
import { Timestamp } from "./common.ts";
import { Line } from "./text.ts";

const Count = z.number().int().min(1).max(1_000_000_000);
const Percent = z.number().gt(0).max(100);
const Seconds = z
  .number()
  .int()
  .min(0)
  .max(366 * 86_400);
const GroupName = z.string().regex(/^[A-Za-z0-9_-]{1,256}$/);

/** A number in the inventory of a device that must be within limits. */
const Range = z
  .object({
    /** The name of an attribute that devices report. */
    attribute: Line.min(1),
    min: z.number().optional(),
    max: z.number().optional(),
  })
  .refine(({ min, max }) => min !== undefined || max !== undefined, { error: "a range has min or max" })
  .refine(({ min, max }) => min === undefined || max === undefined || min <= max, { error: "min is more than max" });

/** How updated devices must be while the wave soaks. It works with all clients: it takes polls and inventory only. */
const HealthRule = z.object({
  /** How many of the updated devices must poll as usual, with all attributes within their limits, in per cent. */
  well_pct: Percent.default(95),
  attributes: z.array(Range).max(5).default([]),
});
export type HealthRule = z.infer<typeof HealthRule>;

/** What must hold before the next wave opens. */
const Gate = z.object({
  /** How many of the devices of the wave must run the release, in per cent. */
  success_pct: z.number().min(0).max(100).default(95),
  /** How long to wait after that. */
  soak_s: Seconds.default(0),
  /** What must also hold, from the beginning of the soak to its end. */
  health: HealthRule.optional(),
});

/** One of `percent` and `count` of all devices, of `group`, and `rest`. */
const Wave = z
  .object({
    percent: Percent.optional(),
    count: Count.optional(),
    group: GroupName.optional(),
    rest: z.literal(true).optional(),
    /** It does not open before. */
    start_at: Timestamp.optional(),
    gate: Gate.optional(),
  })
  .refine(
    ({ percent, count, group, rest }) => [percent, count, group, rest].filter((one) => one !== undefined).length === 1,
    { error: "a wave has one of percent, count, group and rest" },
  );
export type Wave = z.infer<typeof Wave>;

/** When the rollout stops by itself. Each limit is one that must not be passed. */
const Halt = z
  .object({
    /** Failures in per cent of what devices have reported. */
    failure_pct: z.number().min(0).lt(100).optional(),
    failure_count: z.number().int().min(0).optional(),
    /**
     * How the updated devices of the newest wave must be: with fewer well ones, the rollout stops. A device that was
     * updated and may not have polled since is not counted. `min_reports` holds for those that are.
     */
    health: HealthRule.optional(),
    /** Only the reports of the last seconds. Without it, those of the newest wave. */
    window_s: Seconds.min(60).optional(),
    /** A percentage of fewer reports is not read. */
    min_reports: Count.default(20),
    /** A device that has not ended its update after so long counts as a failure. */
    overdue_after_s: Seconds.min(60).optional(),
    /**
     * Only failures by this cause: its signature, or a part of a line that a log says it by, in which numbers, paths and
     * addresses do not matter. `no_log`: devices that sent no log.
     */
    cause: Line.min(1).optional(),
    /** `pause` keeps the rollout until a person resumes it. */
    action: z.enum(["pause", "abort"]).default("pause"),
  })
  .refine((rule) => [rule.failure_pct, rule.failure_count, rule.health].some((one) => one !== undefined), {
    error: "a halt rule has failure_pct, failure_count or health",
  })
  .refine(({ cause, overdue_after_s: overdue }) => cause === undefined || overdue === undefined, {
    error: "a device that is overdue tells no cause",
    path: ["overdue_after_s"],
  });
export type Halt = z.infer<typeof Halt>;

const Day = z.enum(["mon", "tue", "wed", "thu", "fri", "sat", "sun"]);
const TimeOfDay = z.string().regex(/^(?:[01]\d|2[0-3]):[0-5]\d$/, "is not HH:MM");

/** Devices get the release only in these hours. A window that ends before it starts ends on the next day. */
const Window = z
  .object({
    time_zone: z.string().max(64).refine(isTimeZone, { error: "is not the name of a time zone" }),
    /** The days on which it starts. */
    days: z.array(Day).min(1).max(7),
    start: TimeOfDay,
    end: TimeOfDay,
  })
  .refine(({ start, end }) => start !== end, { error: "start and end are the same" });
export type Window = z.infer<typeof Window>;

function isTimeZone(name: string): boolean {
  try {
    return new Intl.DateTimeFormat("en", { timeZone: name }).resolvedOptions().timeZone !== "";
  } catch {
    return false;
  }
}

const ByteRate = z.number().int().min(1024).max(1e13);

/** Downloads begin only so fast that they need so many bytes a second, as a mean of some time. */
export const DownloadRates = z.object({
  /** For all devices together. */
  bytes_per_second: ByteRate.optional(),
  /** For the devices of each site: those whose addresses begin with the same bits. */
  site_bytes_per_second: ByteRate.optional(),
});
export type DownloadRates = z.infer<typeof DownloadRates>;

/** The same for all deployments of a tenant together, and what a site is. */
export const DownloadLimits = DownloadRates.extend({
  /** The addresses of a site have so many first bits in common. */
  ipv4_prefix: z.number().int().min(8).max(32).default(24),
  ipv6_prefix: z.number().int().min(16).max(128).default(48),
});
export type DownloadLimits = z.infer<typeof DownloadLimits>;

/** How a deployment reaches its devices. */
export const Plan = z
  .object({
    /** The last one takes all devices that are left. */
    waves: z.array(Wave).min(1).max(100),
    /** How many devices may begin in a minute. */
    rate_per_minute: Count.optional(),
    /** How many devices may be under way at once. */
    concurrency: Count.optional(),
    downloads: DownloadRates.optional(),
    /** How many devices may begin at all. */
    max_devices: Count.optional(),
    halt: Halt.optional(),
    window: Window.optional(),
    /** After that, no device begins, and the rollout ends with those that are under way. */
    expires_at: Timestamp.optional(),
    /** How many people other than the author must approve it before it begins. */
    approvals: z.number().int().min(1).max(10).optional(),
    /** Devices take deployments of a higher priority first. */
    priority: z.number().int().min(-10).max(10).default(0),
  })
  .superRefine(({ waves, expires_at: expires }, context) => {
    const fault = (message: string): void => context.addIssue({ code: "custom", path: ["waves"], message });
    const percents = waves.reduce((sum, { percent = 0 }) => sum + percent, 0);
    const isWhole = waves.every(({ percent }) => percent !== undefined) && Math.abs(percents - 100) < 1e-6;
    if (percents > 100 + 1e-6) fault("are more than 100 per cent");
    if (waves.at(-1)?.rest !== true && !isWhole) fault('the last one must be {"rest": true}');
    if (waves.slice(0, -1).some(({ rest }) => rest)) fault("only the last one may be the rest");
    if (waves.at(-1)?.gate !== undefined) fault("no wave follows the gate of the last one");
    const starts = waves.flatMap(({ start_at: at }) => (at === undefined ? [] : [Date.parse(at)]));
    if (starts.some((at, index) => index > 0 && at < (starts[index - 1] ?? 0))) fault("start in another order");
    if (expires !== undefined && starts.some((at) => at >= Date.parse(expires))) fault("start after the rollout ends");
  });
export type Plan = z.infer<typeof Plan>;
