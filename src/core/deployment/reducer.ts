import type { Snapshot } from "./snapshot.ts";
import { MAX_TRANSITIONS, type Outcome, type Row, type StateName, TABLE, type Table, type Target } from "./table.ts";

export const isAtRest = (s: Snapshot): boolean => s.state === "idle" || s.phase === "before";

/** The snapshot after the effect of `s.state` has ended with `outcome`. Pure and total over the table. */
export function next(s: Snapshot, outcome: Outcome, table: Table = TABLE): Snapshot {
  const row = rowOf(s.state, table);
  const target = row[outcome];
  if (target === undefined) throw new TypeError(`${s.state} has no ${outcome} column`);
  const bad = outcome === "fail" || outcome === "abort" || (outcome === "no" && row.breaks === true);
  const failed = s.failed || (bad && row.settled !== true);
  const rolledBack = s.rolledBack || (outcome === "ok" && row.restores === true);
  const inconsistent = s.inconsistent || (bad && row.breaks === true);
  const { download: _, ...left } = s;
  return enter({ ...left, failed, inconsistent, rolledBack }, target, table);
}

/** The same state, after failing scripts that do not stop the row. */
export const damaged = (s: Snapshot): Snapshot => ({ ...s, failed: true, inconsistent: true });

/**
 * Where an update continues after an interruption, or on request after it came to rest.
 *
 * @param maxResumes how often a download resumes after a power cut (`RetryDownloadCount`)
 */
export function nextAfterRestart(s: Snapshot, maxResumes = 0, table: Table = TABLE): Snapshot {
  if (s.phase === "before") return enter(s, s.state as StateName, table);
  const row = rowOf(s.state, table);
  const { download } = s;
  if (row.resumes !== undefined && download !== undefined && download.resumes < maxResumes) {
    // Not a transition: a long download over a bad connection is not a loop, and has its own limit.
    return { ...s, state: row.resumes, download: { ...download, resumes: download.resumes + 1 } };
  }
  return enter({ ...s, failed: s.failed || row.crashFails === true, transitions: s.transitions + 1 }, row.crash, table);
}

/** Enters `target` on request. */
export const redirect = (s: Snapshot, target: StateName): Snapshot => enter(s, target, TABLE);

/** The same state, at rest before it, so that a later command continues from there. */
export const holdAt = (s: Snapshot): Snapshot => ({ ...s, phase: "before", transitions: 0, failed: false });

function enter(s: Snapshot, target: Target, table: Table): Snapshot {
  const entered: Snapshot = { ...s, transitions: s.transitions + 1, phase: "main" };
  if (target.startsWith("@")) return holdAt({ ...entered, state: target.slice(1) as StateName });
  const state = reached(target as StateName, s.mode, table);
  if (entered.transitions <= MAX_TRANSITIONS || FINAL.has(state)) return { ...entered, state };
  // The update does not end by itself. Record it as damaged and drop it, so that the device can be updated again.
  return damaged({ ...entered, state: "saveProvides" });
}

/** Final states of every update, reached even after too many transitions. */
const FINAL: ReadonlySet<StateName> = new Set(["saveProvides", "cleanup", "reportResult", "sendLog", "idle"]);

/** The first state from `target` on that updates of this mode use. */
function reached(target: StateName, mode: Snapshot["mode"], table: Table): StateName {
  if (mode === "managed" || target === "idle") return target;
  const { managed, ok } = table[target];
  return managed === true ? reached(ok as StateName, mode, table) : target;
}

function rowOf(state: StateName, table: Table): Row {
  if (state === "idle") throw new TypeError("idle has no row");
  return table[state];
}
