import type { SavedDue } from "../server/state.ts";
import { type BackoffLimits, backoffMs, withJitter } from "./backoff.ts";

/** The poller's calls to the server, in their order when both are due. */
export const CALLS = ["inventory", "deployments"] as const;
export type Call = (typeof CALLS)[number];

export interface Planned {
  /** On the monotonic clock. */
  readonly atMs: number;
  /** Failures since the last success. */
  readonly failures: number;
  /** The server has asked for no requests before this time. */
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
 * The schedule of an agent that exits between polls. After a restart of the system everything is due.
 *
 * @param boot identifies the current start of the system
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

/** The next call, and its time. If both are due, the inventory comes first, however long the other has waited. */
export function firstDue(
  { inventory, deployments }: Schedule,
  nowMs: number,
): { readonly call: Call; readonly atMs: number } {
  return inventory.atMs <= Math.max(nowMs, deployments.atMs)
    ? { call: "inventory", atMs: inventory.atMs }
    : { call: "deployments", atMs: deployments.atMs };
}

/** Before a call: the interval counts from the start of the call, even if the process dies during it. */
export const afterStart = (schedule: Schedule, call: Call, nowMs: number, { intervalMs }: Intervals): Schedule => ({
  ...schedule,
  [call]: { ...schedule[call], atMs: nowMs + intervalMs[call] },
});

export const afterSuccess = (schedule: Schedule, call: Call): Schedule => ({
  ...schedule,
  [call]: { atMs: schedule[call].atMs, failures: 0 },
});

const SOONEST_MS = 1000;

/**
 * After a call that succeeded, but whose answer says when there may be more: makes the next one due then. The regular
 * time stays the latest, so that no server can silence a device.
 *
 * @param random at least 0 and less than 1
 */
export function earlier(schedule: Schedule, call: Call, nowMs: number, random: number, comeBackMs: number): Schedule {
  // Add at most a tenth: the server may have given others the same time.
  const backMs = nowMs + Math.max(SOONEST_MS, withJitter(comeBackMs, random / 10));
  return { ...schedule, [call]: { ...schedule[call], atMs: Math.min(schedule[call].atMs, backMs) } };
}

/**
 * After a failed call: backs off, or waits for the regular time when the attempts are used up. A pause that the server
 * asks for does not count as an attempt.
 *
 * @param random at least 0 and less than 1
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
    // Add at most a tenth: the server gave the whole fleet the same delay.
    const pausedUntilMs = nowMs + withJitter(askedPauseMs, random / 10);
    return { ...schedule, [call]: { atMs: pausedUntilMs, failures: before, pausedUntilMs } };
  }
  const failures = before + 1;
  const waitMs = backoffMs(failures, backoff);
  return { ...schedule, [call]: { atMs: waitMs === undefined ? atMs : nowMs + withJitter(waitMs, random), failures } };
}

/** Makes a call due as soon as the server allows it. */
export function wanted(schedule: Schedule, call: Call, nowMs: number): Schedule {
  const { atMs, pausedUntilMs = nowMs } = schedule[call];
  return { ...schedule, [call]: { ...schedule[call], atMs: Math.min(atMs, Math.max(nowMs, pausedUntilMs)) } };
}

/** Makes a call due now on a user's request, even during a pause that the server asked for. */
export const requested = (schedule: Schedule, call: Call, nowMs: number): Schedule => ({
  ...schedule,
  [call]: { ...schedule[call], atMs: Math.min(schedule[call].atMs, nowMs) },
});
