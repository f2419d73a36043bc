import type { CauseKind } from "../failures/cause.ts";

/** A number that a decision was made on, and the limit that it passed. */
export interface Reading {
  readonly rule: "FAILURE_PCT" | "FAILURE_COUNT" | "HEALTH";
  readonly reading: number;
  readonly limit: number;
  readonly failed: number;
  readonly overdue: number;
  readonly reports: number;
  /** The cause of most failures, if one is known, and how many failed by it. */
  readonly cause?: string;
  readonly causeKind?: CauseKind;
  readonly causeFailed?: number;
  /** Of the rule about health: how many updated devices were looked at, and how many of them were well. */
  readonly looked?: number;
  readonly well?: number;
}

/** A wave that has opened. Times are in milliseconds since 1970. */
export interface OpenWave {
  readonly openedAt: number;
  /** How many devices had begun before it. */
  readonly from: number;
  /** How many devices may begin in it. */
  readonly size: number;
  /** Since when its gate is met, but for the soak. */
  readonly soakAt?: number;
  readonly isSoakSkipped?: true;
  readonly passedAt?: number;
}

export type End = "FINISHED" | "EXPIRED" | "LIMIT_REACHED" | "ABORTED" | "ROLLED_BACK" | "HALTED";

interface Forgiven {
  readonly at: number;
  readonly wave: number;
  readonly failed: number;
  readonly reports: number;
  readonly overdue: number;
  /** Updated devices of the wave that were not well. */
  readonly unwell?: number;
}

/** All that a rollout remembers. It is written as JSON. */
export interface Memory {
  /** The latest time that it has seen: time never goes back. */
  readonly at: number;
  readonly author: string;
  readonly approvedBy: readonly string[];
  readonly waves: readonly OpenWave[];
  readonly paused?: { readonly at: number; readonly by: string };
  readonly halted?: { readonly at: number; readonly wave: number } & Reading;
  /** What the halt rule leaves out, because a person has resumed the rollout in spite of it. */
  readonly forgiven: Forgiven;
  /** By wave, how many failures gates do not ask for: devices like them were left out. */
  readonly excused?: readonly number[];
  /** How many devices of each group were left out. */
  readonly leftOut?: Readonly<Record<string, number>>;
  readonly expiredAt?: number;
  readonly ended?: { readonly at: number; readonly why: End };
  /** How many had begun at which time, in the last minute: the rate is kept by it. */
  readonly begun: readonly (readonly [at: number, taken: number])[];
}

export const initialMemory = (author: string, now: number): Memory => ({
  at: now,
  author,
  approvedBy: [],
  waves: [],
  forgiven: { at: now, wave: -1, failed: 0, reports: 0, overdue: 0 },
  begun: [],
});

/** What the rollout decided, or what a person did. */
export interface Decision {
  readonly code:
    | "OPENED"
    | "GATE_MET"
    | "HEALTH_LOST"
    | "PASSED"
    | "HALTED"
    | "EXPIRED"
    | "ENDED"
    | "APPROVED"
    | "PAUSED"
    | "RESUMED"
    | "OPENED_EARLY"
    | "SOAK_SKIPPED"
    | "RETRIED"
    | "LEFT_OUT";
  readonly facts: Readonly<Record<string, string | number>>;
}

export const isStopped = ({ paused, halted, expiredAt, ended }: Memory): boolean =>
  paused !== undefined || halted !== undefined || expiredAt !== undefined || ended !== undefined;
