import type { SavedDue } from "../server/state.ts";
import { type BackoffLimits, backoffMs, withJitter } from "./backoff.ts";

/** What a poller asks the server for, in the order in which it does when both are due. */
export const CALLS = ["inventory", "deployments"] as const;
export type Call = (typeof CALLS)[number];

export interface Planned {
  /** On a clock that nobody sets. */
  readonly atMs: number;
  /** Failures since the last success. */
  readonly failures: number;
  /** Until when the server has asked to be left alone. */
  readonly pausedUntilMs?: number;
}

export type Schedule = Readonly<Record<Call, Planned>>;

export interface Intervals {
  /** `InventoryPollIntervalSeconds`, `UpdatePollIntervalSeconds`. */
  readonly intervalMs: Readonly<Record<Call, number>>;
  readonly backoff: BackoffLimits;
}

/** Everything is due now. */
export const startSchedule = (nowMs: number): Schedule => ({
  inventory: { atMs: nowMs, failures: 0 },
  deployments: { atMs: nowMs, failures: 0 },
});

/**
 * What an agent that does not stay goes on with. After a start of the system everything is due.
 *
 * @param boot which start of the system this one is
 */
export function savedSchedule(due: SavedDue | undefined, boot: string, nowMs: number): Schedule {
  if (due?.boot !== boot) return startSchedule(nowMs);
  return {
    inventory: { atMs: due.inventoryAtMs, failures: due.inventoryFailures },
    deployments: { atMs: due.deploymentsAtMs, failures: due.deploymentFailures },
  };
}

export const toSaved = ({ inventory, deployments }: Schedule, boot: string): SavedDue => ({
  boot,
  deploymentsAtMs: deployments.atMs,
  inventoryAtMs: inventory.atMs,
  deploymentFailures: deployments.failures,
  inventoryFailures: inventory.failures,
});

/** The call that comes first, and when. Of two that are due the inventory, however long the other has waited. */
export function firstDue(
  { inventory, deployments }: Schedule,
  nowMs: number,
): { readonly call: Call; readonly atMs: number } {
  return inventory.atMs <= Math.max(nowMs, deployments.atMs)
    ? { call: "inventory", atMs: inventory.atMs }
    : { call: "deployments", atMs: deployments.atMs };
}

/** Before a call: its interval counts from its beginning, also when the process ends in it. */
export const afterStart = (schedule: Schedule, call: Call, nowMs: number, { intervalMs }: Intervals): Schedule => ({
  ...schedule,
  [call]: { ...schedule[call], atMs: nowMs + intervalMs[call] },
});

export const afterSuccess = (schedule: Schedule, call: Call): Schedule => ({
  ...schedule,
  [call]: { atMs: schedule[call].atMs, failures: 0 },
});

/**
 * After a call that failed: backs off, and when the attempts are used up waits for the regular time. A server that
 * asks for a pause gets it, and it counts as no attempt.
 *
 * @param random from 0 up to, not including, 1
 */
export function afterFailure(
  schedule: Schedule,
  call: Call,
  nowMs: number,
  { backoff }: Pick<Intervals, "backoff">,
  random: number,
  askedPauseMs?: number,
): Schedule {
  const { atMs, failures: before } = schedule[call];
  if (askedPauseMs !== undefined) {
    // A tenth more at most: the whole fleet was told the same number.
    const pausedUntilMs = nowMs + withJitter(askedPauseMs, random / 10);
    return { ...schedule, [call]: { atMs: pausedUntilMs, failures: before, pausedUntilMs } };
  }
  const failures = before + 1;
  const waitMs = backoffMs(failures, backoff);
  return { ...schedule, [call]: { atMs: waitMs === undefined ? atMs : nowMs + withJitter(waitMs, random), failures } };
}

/** As soon as the server lets us. */
export function wanted(schedule: Schedule, call: Call, nowMs: number): Schedule {
  const { atMs, pausedUntilMs = nowMs } = schedule[call];
  return { ...schedule, [call]: { ...schedule[call], atMs: Math.min(atMs, Math.max(nowMs, pausedUntilMs)) } };
}

/** Somebody at the device wants it now, whatever the server says. */
export const requested = (schedule: Schedule, call: Call, nowMs: number): Schedule => ({
  ...schedule,
  [call]: { ...schedule[call], atMs: Math.min(schedule[call].atMs, nowMs) },
});
