import type { Plan } from "../../../src/protocol/api/rollouts.ts";
import { type Counts, NO_TALLY } from "./counts.ts";
import type { Memory, Reading } from "./memory.ts";

/**
 * What the halt rule reads: the newest wave, or the reports of its window. What a person has seen and resumed in spite
 * of is not counted again.
 */
function readHalt({ halt }: Plan, { waves, forgiven }: Memory, counts: Counts) {
  const newest = waves.length - 1;
  const { updated, failed } = counts.waves[newest] ?? NO_TALLY;
  const seen = halt?.window_s === undefined ? { failed, reports: updated + failed } : counts.recent;
  const isForgiven = halt?.window_s === undefined && forgiven.wave === newest;
  return {
    failed: Math.max(0, seen.failed - (isForgiven ? forgiven.failed : 0)),
    reports: Math.max(0, seen.reports - (isForgiven ? forgiven.reports : 0)),
    overdue: Math.max(0, counts.overdue - forgiven.overdue),
  };
}

/** What a person who resumes the rollout now accepts. */
export function forgive(memory: Memory, counts: Counts, now: number): Memory["forgiven"] {
  const wave = memory.waves.length - 1;
  const { updated, failed } = counts.waves[wave] ?? NO_TALLY;
  return { at: now, wave, failed, reports: updated + failed, overdue: counts.overdue };
}

/** Devices that were overdue then and have an end now are no reason to leave others out. */
export function forgetEnded(memory: Memory, { overdue }: Counts): Memory {
  if (overdue >= memory.forgiven.overdue) return memory;
  return { ...memory, forgiven: { ...memory.forgiven, overdue } };
}

/** The limit of the halt rule that is passed, if one is. */
export function passedLimit(plan: Plan, memory: Memory, counts: Counts): Reading | undefined {
  const { halt } = plan;
  if (halt === undefined || memory.waves.length === 0) return undefined;
  const read = readHalt(plan, memory, counts);
  const bad = read.failed + read.overdue;
  const all = read.reports + read.overdue;
  if (halt.failure_count !== undefined && bad > halt.failure_count)
    return { rule: "FAILURE_COUNT", reading: bad, limit: halt.failure_count, ...read };
  if (halt.failure_pct === undefined || all < halt.min_reports || bad * 100 <= halt.failure_pct * all) return undefined;
  return { rule: "FAILURE_PCT", reading: (bad * 100) / all, limit: halt.failure_pct, ...read };
}
