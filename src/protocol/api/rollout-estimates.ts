import { z } from "zod";
import { Timestamp } from "./common.ts";
import { Plan } from "./rollouts.ts";
import { Line } from "./text.ts";

const Phase = z.object({
  /** In per cent of all devices. The last phase without it takes all that are left. */
  batch_size: z.number().gt(0).max(100).optional(),
  /** Only the first phase may be without it: it opens at once. */
  start_ts: Timestamp.optional(),
});

/** Mender's own fields of a rollout. */
export const MenderPhases = z
  .array(Phase)
  .min(1)
  .max(100)
  .superRefine((phases, context) => {
    const fault = (index: number, member: string, message: string): void =>
      context.addIssue({ code: "custom", path: [index, member], message });
    const last = phases.length - 1;
    const percents = phases.reduce((sum, { batch_size: percent = 0 }) => sum + percent, 0);
    for (const [index, { batch_size: percent, start_ts: start }] of phases.entries()) {
      if (percent === undefined && index < last) fault(index, "batch_size", "only the last phase may be without it");
      if (start === undefined && index > 0) fault(index, "start_ts", "only the first phase may be without it");
      const before = phases[index - 1]?.start_ts;
      if (before !== undefined && start !== undefined && Date.parse(start) < Date.parse(before))
        fault(index, "start_ts", "is before the phase before");
    }
    if (percents > 100 + 1e-6) fault(last, "batch_size", "all together are more than 100 per cent");
    if (phases[last]?.batch_size !== undefined && percents < 100 - 1e-6)
      fault(last, "batch_size", "all together are less than 100 per cent");
  });

export interface MenderRollout {
  readonly phases: z.infer<typeof MenderPhases>;
  /** Without a limit, it is 0. */
  readonly max_devices?: number | undefined;
}

const Devices = z.number().int().min(1).max(1_000_000_000);
const Seconds = z.number().int().min(1);
const DAY_S = 86_400;

/** A rollout to estimate: its plan, how many devices it has, and what one supposes of them. */
export const RolloutToEstimate = z
  .object({
    rollout: Plan.optional(),
    /** Instead of a plan, Mender's phases. */
    phases: MenderPhases.optional(),
    max_devices: z.number().int().min(0).max(1_000_000_000).optional(),
    /** So many devices, those of a group, or all that are accepted. */
    devices: Devices.optional(),
    group: z
      .string()
      .regex(/^[A-Za-z0-9_-]{1,256}$/)
      .optional(),
    all_devices: z.literal(true).optional(),
    /** The largest Artifact of this release is what each device downloads. */
    artifact_name: Line.min(1).optional(),
    /** Default: now. */
    start_at: Timestamp.optional(),
    /** How long an update takes on a device, with its download. */
    update_s: Seconds.max(7 * DAY_S).default(600),
    /** How fast one device downloads, in bytes a second. */
    line_rate: z.number().int().min(1).max(1e12).default(1_000_000),
    failure_pct: z.number().min(0).max(100).default(0),
    /** Default: what the devices have shown, else 1,800. */
    poll_interval_s: Seconds.max(30 * DAY_S).optional(),
  })
  .superRefine(({ rollout, phases, max_devices: max, ...targets }, context) => {
    const fault = (member: string, message: string): void =>
      context.addIssue({ code: "custom", path: [member], message });
    if ((rollout === undefined) === (phases === undefined)) fault("rollout", "give either rollout or phases");
    if (max !== undefined && phases === undefined) fault("max_devices", "belongs to phases; a plan has its own");
    const given = [targets.devices, targets.group, targets.all_devices].filter((one) => one !== undefined);
    if (given.length !== 1) fault("devices", "give one of devices, group and all_devices");
  });
export type RolloutToEstimate = z.infer<typeof RolloutToEstimate>;

const Fact = z.union([z.string(), z.number()]);

/** What becomes of a rollout, as far as one can tell. */
const Outcome = z.object({
  /**
   * `finishes`: all devices have an end. `halts`: its halt rule stops it. `ends`: it ends before all devices have begun.
   * `waits`: without a person, it waits for ever. `goes_on`: it takes longer than an estimate looks ahead.
   */
  kind: z.enum(["finishes", "halts", "ends", "waits", "goes_on"]),
  at: Timestamp,
  /** Why, as codes with facts. */
  reasons: z.array(z.object({ code: z.string(), facts: z.record(z.string(), Fact) })),
});

/** When each wave opens and ends, when the rollout ends, and what it needs at its peak. */
export const RolloutEstimate = z.object({
  outcome: Outcome,
  /** How many devices have begun by then. */
  begun: z.number().int(),
  waves: z.array(
    z.object({
      size: z.number().int(),
      opens_at: Timestamp.optional(),
      gate_met_at: Timestamp.optional(),
      passed_at: Timestamp.optional(),
      /** When its last device has ended its update. */
      ends_at: Timestamp.optional(),
    }),
  ),
  peak: z.object({
    devices_under_way: z.number().int(),
    devices_per_minute: z.number().int(),
    bytes_per_second: z.number(),
  }),
  /** What the estimate supposes. */
  supposed: z.object({
    devices: z.number().int(),
    start_at: Timestamp,
    artifact_size: z.number().int(),
    poll_interval_s: z.number().int(),
    update_s: z.number().int(),
    download_s: z.number(),
    failure_pct: z.number(),
    /** The limit of the tenant for all downloads together. Budgets of sites are left out. */
    bytes_per_second: z.number().optional(),
    /** All that fail do so by this cause, which the halt rule names. */
    failure_cause: z.string().optional(),
    /** So many approvals count as given. */
    approvals: z.number().int(),
  }),
  /** Each time may be late by so much for each wave before it. */
  step_s: z.number(),
});
export type RolloutEstimate = z.infer<typeof RolloutEstimate>;
