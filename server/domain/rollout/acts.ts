import type { Plan } from "../../../src/protocol/api/rollouts.ts";
import { type Counts, type Leaving, retriableIn, takenIn, underWayIn } from "./counts.ts";
import { startOf } from "./gates.ts";
import { forgive, forgiveLeft } from "./halt.ts";
import type { Decision, Memory } from "./memory.ts";
import { reachOf } from "./sizes.ts";

/** What a person does to a rollout. */
export interface Act {
  readonly act:
    | "approve"
    | "pause"
    | "resume"
    | "open_next"
    | "skip_soak"
    | "retry_failed"
    | "leave_out"
    | "abort"
    | "roll_back";
  /** The id of the person. */
  readonly by: string;
  /** The devices that are left out with it: of `leave_out`, and of a `resume` without them. */
  readonly leaving?: Leaving;
}

/** Why an act is refused. */
export type Refusal =
  | "ENDED"
  | "EXPIRED"
  | "NOT_ASKED_FOR"
  | "IS_AUTHOR"
  | "APPROVED_BEFORE"
  | "NEEDS_APPROVAL"
  | "STOPPED"
  | "NOT_STOPPED"
  | "PAUSED_BEFORE"
  | "NO_WAVE_LEFT"
  | "NOT_SOAKING"
  | "NONE_FAILED"
  | "NONE_MATCH";

type Done = { readonly memory: Memory; readonly decision: Decision };
type Doing = (plan: Plan, memory: Memory, counts: Counts, act: Act) => Refusal | Done;

/** Does what a person asks for, or says why not. Nothing is done to a rollout that has ended. */
export function doAct(plan: Plan, memory: Memory, counts: Counts, act: Act): Refusal | Done {
  return memory.ended === undefined ? DOINGS[act.act](plan, memory, counts, act) : "ENDED";
}

export const isApproved = ({ approvals = 0 }: Plan, { approvedBy }: Memory): boolean => approvedBy.length >= approvals;

const done = (memory: Memory, code: Decision["code"], facts: Decision["facts"] = {}): Done => ({
  memory,
  decision: { code, facts },
});

const DOINGS: Readonly<Record<Act["act"], Doing>> = {
  approve(plan, memory, _counts, { by }) {
    if (isApproved(plan, memory)) return plan.approvals === undefined ? "NOT_ASKED_FOR" : "APPROVED_BEFORE";
    if (by === memory.author) return "IS_AUTHOR";
    if (memory.approvedBy.includes(by)) return "APPROVED_BEFORE";
    const approvedBy = [...memory.approvedBy, by];
    return done({ ...memory, approvedBy }, "APPROVED", { have: approvedBy.length, need: plan.approvals ?? 0 });
  },
  pause(_plan, memory, _counts, { by }) {
    if (memory.expiredAt !== undefined) return "EXPIRED";
    if (memory.paused !== undefined) return "PAUSED_BEFORE";
    return done({ ...memory, paused: { at: memory.at, by } }, "PAUSED");
  },
  resume(plan, memory, counts, { leaving }) {
    if (memory.expiredAt !== undefined) return "EXPIRED";
    const { paused, halted, ...rest } = memory;
    if (paused === undefined && halted === undefined) return "NOT_STOPPED";
    const resumed = { ...rest, forgiven: forgive(plan, memory, counts, memory.at) };
    if (leaving === undefined) return done(resumed, "RESUMED");
    if (isNone(leaving)) return "NONE_MATCH";
    return done(leave(resumed, leaving), "RESUMED", leftFacts(leaving));
  },
  leave_out(plan, memory, _counts, { leaving }) {
    if (memory.expiredAt !== undefined) return "EXPIRED";
    if (leaving === undefined || isNone(leaving)) return "NONE_MATCH";
    const left = leave(memory, leaving);
    return done({ ...left, forgiven: forgiveLeft(plan, left) }, "LEFT_OUT", leftFacts(leaving));
  },
  open_next(plan, memory, counts) {
    if (memory.expiredAt !== undefined) return "EXPIRED";
    if (!isApproved(plan, memory)) return "NEEDS_APPROVAL";
    if (memory.paused !== undefined || memory.halted !== undefined) return "STOPPED";
    const wave = memory.waves.length;
    if (wave >= plan.waves.length) return "NO_WAVE_LEFT";
    return done(openWave(plan, passAll(memory), counts, wave), "OPENED_EARLY", { wave });
  },
  skip_soak(plan, memory) {
    const wave = memory.waves.length - 1;
    const newest = memory.waves[wave];
    if (newest?.soakAt === undefined || newest.passedAt !== undefined) return "NOT_SOAKING";
    if (memory.halted !== undefined || memory.expiredAt !== undefined) return "STOPPED";
    const waves = memory.waves.with(wave, { ...newest, isSoakSkipped: true });
    return done({ ...memory, waves }, "SOAK_SKIPPED", {
      wave,
      nextStart: Math.max(memory.at, startOf(plan, wave + 1)),
    });
  },
  retry_failed(_plan, { excused: _, ...memory }, counts) {
    if (memory.expiredAt !== undefined) return "EXPIRED";
    const failed = counts.waves.reduce((sum, _, wave) => sum + retriableIn(counts, wave), 0);
    if (failed === 0) return "NONE_FAILED";
    // They are failures no more: what was forgiven must not hide others. Those that cannot try again stay forgiven.
    const { wave } = memory.forgiven;
    const stay = Math.min(memory.forgiven.failed, (counts.waves[wave]?.failed ?? 0) - retriableIn(counts, wave));
    const forgiven = { ...memory.forgiven, failed: stay, reports: stay };
    return done({ ...memory, forgiven }, "RETRIED", { failed });
  },
  abort: (_plan, memory, counts) => end(memory, counts, "ABORTED"),
  roll_back: (_plan, memory, counts) => end(memory, counts, "ROLLED_BACK"),
};

const end = (memory: Memory, counts: Counts, why: "ABORTED" | "ROLLED_BACK"): Done =>
  done({ ...memory, ended: { at: memory.at, why } }, "ENDED", { why, underWay: underWayIn(counts) });

const failedOf = ({ failed }: Leaving): number => failed.reduce((sum, n) => sum + n, 0);
const isNone = (leaving: Leaving): boolean => leaving.devices + failedOf(leaving) === 0;

const leftFacts = (leaving: Leaving): Decision["facts"] => ({
  without: leaving.without,
  devices: leaving.devices,
  failed: failedOf(leaving),
});

/** Remembers which failures gates do not ask for any more, and how many devices of which group are out. */
function leave(memory: Memory, { groups, failed }: Leaving): Memory {
  const leftOut = { ...memory.leftOut };
  for (const [name, n] of Object.entries(groups)) leftOut[name] = (leftOut[name] ?? 0) + n;
  const excused = memory.waves.map((_, wave) => (memory.excused?.[wave] ?? 0) + (failed[wave] ?? 0));
  return { ...memory, excused, leftOut };
}

function passAll(memory: Memory): Memory {
  const waves = memory.waves.map((wave) => ({ passedAt: memory.at, ...wave }));
  return { ...memory, waves };
}

/** Opens a wave for as many devices as it has, and for those that the waves before it have not found. */
export function openWave(plan: Plan, memory: Memory, counts: Counts, wave: number): Memory {
  const from = takenIn(counts);
  const size = Math.max(0, reachOf(plan, wave, counts) - from);
  return { ...memory, waves: [...memory.waves, { openedAt: memory.at, from, size }] };
}
