import { AgentError } from "../../errors/agent-error.ts";
import type { StoreChanges } from "../../ports/store.ts";
import type { Journal } from "./journal.ts";
import { holdAt, isAtRest, next } from "./reducer.ts";
import type { Snapshot } from "./snapshot.ts";
import { type EffectName, type Outcome, type Row, type StateName, TABLE } from "./table.ts";

export interface EffectResult {
  readonly outcome: Outcome;
  /** Saved in one transaction with the next snapshot. */
  readonly changes?: StoreChanges;
  /** The device has to be rebooted, by whoever runs the update, for what has been done to take effect. */
  readonly rebootRequired?: boolean;
}

/** Does the work of one state through the ports and takes no decision. Idempotent or reversible. */
export type Effect = (snapshot: Snapshot, signal: AbortSignal) => Promise<EffectResult>;
export type Effects = Readonly<Record<EffectName, Effect>>;

/** What one run did: the steps in order, and where it came to rest. */
export interface Run {
  readonly steps: readonly Step[];
  readonly snapshot: Snapshot;
}

export interface Step {
  readonly state: StateName;
  readonly outcome: Outcome;
  readonly rebootRequired: boolean;
  /** Why the outcome is `fail`. */
  readonly error?: AgentError;
}

/**
 * Runs one update from `start` until it rests. Saves each snapshot before it runs the state's effect: that
 * order is what makes every `crash` column true. An effect's named failure becomes the outcome `fail`; an
 * abort, a bug, a store that cannot be used and a failure in a state without a `fail` column leave the
 * snapshot on disk for the `crash` column.
 *
 * @param stopBefore states to come to rest before, also when the run would start in one of them
 */
export async function drive(
  journal: Journal,
  effects: Effects,
  start: Snapshot,
  stopBefore: ReadonlySet<StateName>,
  signal: AbortSignal,
): Promise<Run> {
  const steps: Step[] = [];
  let now = start;
  let changes: StoreChanges = new Map();
  for (;;) {
    if (!isAtRest(now) && stopBefore.has(now.state)) now = holdAt(now);
    await journal.save(now, changes);
    if (isAtRest(now)) return { steps, snapshot: now };
    const { result, error } = await settle(effects[effectOf(now.state)], now, signal);
    changes = result.changes ?? new Map();
    const { outcome, rebootRequired = false } = result;
    steps.push({ state: now.state, outcome, rebootRequired, ...(error && { error }) });
    now = next(now, outcome);
  }
}

async function settle(
  effect: Effect,
  now: Snapshot,
  signal: AbortSignal,
): Promise<{ result: EffectResult; error?: AgentError }> {
  signal.throwIfAborted();
  try {
    return { result: await effect(now, signal) };
  } catch (error) {
    signal.throwIfAborted();
    if (!(error instanceof AgentError) || !canFail(now.state)) throw error;
    return { result: { outcome: "fail" }, error };
  }
}

function effectOf(state: StateName): EffectName {
  return rowOf(state).run;
}

const canFail = (state: StateName): boolean => rowOf(state).fail !== undefined;

function rowOf(state: StateName): Row {
  if (state === "idle") throw new Error("idle has no effect");
  return TABLE[state];
}
