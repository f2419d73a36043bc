import { z } from "zod";
import { Id, Timestamp } from "./common.ts";
import { Terms } from "./filters.ts";
import { Plan } from "./rollouts.ts";
import { Line } from "./text.ts";

const Count = z.number().int();
const Facts = z.record(z.string(), z.union([z.string(), z.number()]));

const CauseKind = z.enum(["line", "no_log", "server", "other"]);

/** What became of devices. `had`: they had the release before. `unfit`: no Artifact fits. `left`: they are out of it. */
const Tally = z.object({
  updated: Count,
  failed: Count,
  had: Count,
  unfit: Count,
  left: Count,
  under_way: Count,
});

const Totals = Tally.extend({
  /** Devices that have not begun and have no end. */
  waiting: Count,
  /** Devices that a person has left out before they began. No other number has them. */
  left_out: Count,
});

export const Rollout = z.object({
  /** The id of its deployment. */
  id: Id,
  name: z.string(),
  artifact_name: z.string(),
  state: z.enum(["waiting", "running", "paused", "halted", "ending", "aborted", "finished"]),
  /** How it has ended. */
  ended: z.string().optional(),
  /** Counts its decisions. */
  rev: Count,
  created: Timestamp,
  device_count: Count,
  totals: Totals,
  /** How many waves have opened, and how many there are. */
  waves_open: Count,
  waves: Count,
});
export type Rollout = z.infer<typeof Rollout>;

const Wave = z.object({
  /** How many devices it is for. Before it opens, as the plan says. */
  size: Count,
  opened_at: Timestamp.optional(),
  passed_at: Timestamp.optional(),
  tally: Tally.optional(),
  /** The gate behind a wave that is open. */
  gate: z
    .object({
      ...{ good: Count, of: Count, needed: Count, is_met: z.boolean(), met_at: Timestamp.optional() },
      /** Of a gate that asks how updated devices are, once enough have the release. */
      health: z.object({ looked: Count, well: Count, needed: Count }).optional(),
    })
    .optional(),
});

/** A rollout with its plan, its waves, what it waits for, and the reading that has halted it. */
export const RolloutDetails = Rollout.extend({
  plan: Plan,
  wave_list: z.array(Wave),
  /** The most urgent first. */
  waits: z.array(z.object({ code: z.string(), facts: Facts, until: Timestamp.optional() })),
  halt: z
    .object({
      ...{ rule: z.string(), reading: z.number(), limit: z.number(), failed: Count, overdue: Count, reports: Count },
      /** The cause of most of the failures. */
      cause: z.object({ kind: CauseKind, signature: z.string(), failed: Count }).optional(),
    })
    .optional(),
  approved_by: z.array(z.string()),
  /** Why no device may begin now. */
  closed: z.string().optional(),
});
export type RolloutDetails = z.infer<typeof RolloutDetails>;

export const RolloutDecision = z.object({
  seq: Count,
  at: Timestamp,
  code: z.string(),
  facts: Facts,
  /** Who decided. Without it, the plan did. */
  by: z.object({ id: z.string(), email: z.string() }).optional(),
});
export type RolloutDecision = z.infer<typeof RolloutDecision>;

const ROLLOUT_ACTS = [
  ...(["approve", "pause", "resume", "open_next", "skip_soak", "retry_failed", "leave_out"] as const),
  ...(["abort", "roll_back"] as const),
] as const;

/** What a person does to a rollout. */
export const RolloutAct = z
  .object({
    act: z.enum(ROLLOUT_ACTS),
    /** Changes nothing, and tells what would happen. */
    dry_run: z.boolean().default(false),
    /** What the person has seen. If more has changed than 1 % and 10 devices, the act is refused. */
    expect: z.object({ rev: Count.optional(), totals: Totals.partial().optional() }).optional(),
    /** To which release the devices go back. Without it, the one that most of them had before. */
    release: Line.min(1).optional(),
    /**
     * Devices that match and have not begun leave the rollout, and never get it. Those that have begun stay in; gates
     * do not ask for those of them that have failed. Terms as in a search.
     */
    without: Terms.min(1).optional(),
  })
  .refine(
    ({ act, without }) => (act === "leave_out" ? without !== undefined : without === undefined || act === "resume"),
    {
      error: "belongs to resume and leave_out, which needs it",
      path: ["without"],
    },
  )
  .refine(({ act, release }) => release === undefined || act === "roll_back", {
    error: "belongs to roll_back",
    path: ["release"],
  });
export type RolloutAct = z.infer<typeof RolloutAct>;

/** What an act has done, or would do. */
export const RolloutActed = z.object({
  act: z.string(),
  dry_run: z.boolean(),
  /** What is decided with it, in order. */
  decisions: z.array(z.object({ code: z.string(), facts: Facts })),
  /** What becomes of how many devices, as codes. */
  effects: z.array(z.object({ code: z.string(), devices: Count })),
  /** To which release devices go back, and by which deployment. */
  roll_back: z.object({ release: z.string(), devices: Count, deployment: Id.optional() }).optional(),
  rollout: Rollout,
});
export type RolloutActed = z.infer<typeof RolloutActed>;

const Share = z.object({ have: Count, of: Count });

/** Why devices of a deployment failed, the most frequent cause first. */
export const FailureCauses = z.array(
  z.object({
    id: z.string(),
    /**
     * `line`: a line of the log says it. `no_log`: no log came. `server`: the server ended the update, and the signature
     * is its reason. `other`: all causes beyond the first 200.
     */
    kind: CauseKind,
    /** The line without numbers, ids, paths, addresses and times. */
    signature: z.string(),
    count: Count,
    example: z.object({ device: Id, line: z.string().optional(), has_log: z.boolean() }).optional(),
    /**
     * What the failed share and those that succeeded lack, the strongest first: so many of so many. A filter with `$eq`
     * finds the devices. Release and device type are those with which a device got the deployment.
     */
    factors: z.array(
      z.object({ scope: z.string(), attribute: z.string(), value: z.string(), failed: Share, succeeded: Share }),
    ),
    /** Not all devices were compared, but a sample of 400 that failed so, or of 800 that succeeded. */
    is_sampled: z.boolean(),
  }),
);
export type FailureCauses = z.infer<typeof FailureCauses>;
