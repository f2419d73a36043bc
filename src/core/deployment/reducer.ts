import type { Snapshot } from "./snapshot.ts";
import { MAX_TRANSITIONS, type Outcome, type Row, type StateName, TABLE, type Table, type Target } from "./table.ts";

export const isAtRest = (s: Snapshot): boolean => s.state === "idle" || s.phase === "before";

/** The snapshot after the effect of `s.state` has ended with `outcome`. Pure and total over the table. */
export function next(s: Snapshot, outcome: Outcome, table: Table = TABLE): Snapshot {
  const row = rowOf(s.state, table);
  const target = row[outcome];
  if (target === undefined) throw new TypeError(`${s.state} has no ${outcome} column`);
  const bad = outcome === "fail" || (outcome === "no" && row.breaks === true);
  const rolledBack = s.rolledBack || (outcome === "ok" && row.restores === true);
  const inconsistent = s.inconsistent || (bad && row.breaks === true);
  return enter({ ...s, failed: s.failed || bad, inconsistent, rolledBack }, target);
}

/** The same place, after a set of scripts has failed that does not stop the row. */
export const damaged = (s: Snapshot): Snapshot => ({ ...s, failed: true, inconsistent: true });

/** Where an update goes on after the agent was cut off, or was at rest and is asked to go on. */
export function resume(s: Snapshot, table: Table = TABLE): Snapshot {
  if (s.phase === "before") return enter(s, s.state as StateName);
  const row = rowOf(s.state, table);
  return enter({ ...s, failed: s.failed || row.crashFails === true, transitions: s.transitions + 1 }, row.crash);
}

/** Enters `target` on somebody's request. */
export const redirect = (s: Snapshot, target: StateName): Snapshot => enter(s, target);

/** The same place, but at rest before it, so that a later command goes on from here. */
export const holdAt = (s: Snapshot): Snapshot => ({ ...s, phase: "before", transitions: 0, failed: false });

function enter(s: Snapshot, target: Target): Snapshot {
  const entered: Snapshot = { ...s, transitions: s.transitions + 1, phase: "main" };
  if (target.startsWith("@")) return holdAt({ ...entered, state: target.slice(1) as StateName });
  const state = target as StateName;
  if (entered.transitions <= MAX_TRANSITIONS || FINAL.has(state)) return { ...entered, state };
  // It has not come to an end and never will: recorded as damaged and dropped, the device can be reached and
  // updated again.
  return damaged({ ...entered, state: "saveProvides" });
}

/** States that every update passes on its way out, however long it has taken. */
const FINAL: ReadonlySet<StateName> = new Set(["saveProvides", "cleanup", "idle"]);

function rowOf(state: StateName, table: Table): Row {
  if (state === "idle") throw new TypeError("idle has no row");
  return table[state];
}
