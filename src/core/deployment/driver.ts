import type { StoreChanges } from "../../ports/store.ts";
import type { DriverParts, Step } from "./driver-parts.ts";
import { holdAt, isAtRest, next } from "./reducer.ts";
import { runRow } from "./run-row.ts";
import type { Snapshot } from "./snapshot.ts";
import type { StateName } from "./table.ts";

/** The steps of one run, in order, and the snapshot at which it stopped. */
export interface Run {
  readonly steps: readonly Step[];
  readonly snapshot: Snapshot;
}

/**
 * Runs one update from `start` until it comes to rest. Saves each snapshot before it runs the state's scripts and
 * effect: the `crash` column of the table depends on this order. A named failure of the effect, or of the scripts of a
 * row that is not lenient, becomes the outcome `fail`. An aborted signal, a bug, an unusable store and a failure in a
 * state without a `fail` column leave the snapshot on disk for the `crash` column.
 *
 * @param stopBefore states to stop before, including the one that the run would start in
 */
export async function drive(
  parts: DriverParts,
  start: Snapshot,
  stopBefore: ReadonlySet<StateName>,
  signal: AbortSignal,
): Promise<Run> {
  const { journal } = parts;
  const steps: Step[] = [];
  let now = start;
  let changes: StoreChanges = new Map();
  for (;;) {
    if (!isAtRest(now) && stopBefore.has(now.state)) now = holdAt(now);
    await journal.save(now, changes);
    if (isAtRest(now)) return { steps, snapshot: now };
    const { result, errors, after } = await runRow(parts, now, signal);
    changes = result.changes ?? new Map();
    const { outcome, rebootRequired = false, noWayBack } = result;
    const step: Step = { state: now.state, outcome, rebootRequired, ...(noWayBack && { noWayBack }), errors };
    steps.push(step);
    parts.onStep?.(step);
    now = next(after, outcome);
  }
}
