import type { Plan } from "../../../src/protocol/api/rollouts.ts";
import { isNamed } from "../failures/cause.ts";
import { type CauseTally, type Counts, NO_TALLY } from "./counts.ts";
import type { Memory, Reading } from "./memory.ts";

/** The waves as the halt rule reads them. If it names a cause, other failures are no more than reports. */
export function wavesAsRead({ halt }: Plan, { waves, causes }: Pick<Counts, "waves" | "causes">): Counts["waves"] {
  const named = halt?.cause;
  if (named === undefined) return waves;
  const meant = causes.filter((one) => isNamed(named, one));
  return waves.map((wave, index) => {
    const failed = Math.min(
      wave.failed,
      meant.reduce((sum, one) => sum + (one.waves[index] ?? 0), 0),
    );
    return { ...wave, failed, updated: wave.updated + wave.failed - failed };
  });
}

/**
 * What the halt rule reads: the newest wave, or the reports of its window. What a person has seen and resumed in spite
 * of is not counted again.
 */
function readHalt(plan: Plan, { waves, forgiven }: Memory, counts: Counts) {
  const { halt } = plan;
  const newest = waves.length - 1;
  const { updated, failed } = wavesAsRead(plan, counts)[newest] ?? NO_TALLY;
  const seen = halt?.window_s === undefined ? { failed, reports: updated + failed } : counts.recent;
  const isForgiven = halt?.window_s === undefined && forgiven.wave === newest;
  return {
    failed: Math.max(0, seen.failed - (isForgiven ? forgiven.failed : 0)),
    reports: Math.max(0, seen.reports - (isForgiven ? forgiven.reports : 0)),
    overdue: Math.max(0, counts.overdue - forgiven.overdue),
  };
}

/** What a person who resumes the rollout now accepts. */
export function forgive(plan: Plan, memory: Memory, counts: Counts, now: number): Memory["forgiven"] {
  const wave = memory.waves.length - 1;
  const { updated, failed } = wavesAsRead(plan, counts)[wave] ?? NO_TALLY;
  const { heard } = counts;
  const unwell = heard === undefined ? {} : { unwell: heard.looked - heard.well };
  return { at: now, wave, failed, reports: updated + failed, overdue: counts.overdue, ...unwell };
}

/**
 * Failures of devices like those that were left out are reports of the newest wave no more. Which of them a person has
 * accepted before is not known: to halt once too often does less harm.
 */
export function forgiveLeft({ halt }: Plan, { waves, forgiven, excused = [] }: Memory): Memory["forgiven"] {
  const wave = waves.length - 1;
  const left = excused[wave] ?? 0;
  // Nor is it known which of them failed by the cause of the rule.
  if (halt?.cause !== undefined || left === 0) return forgiven;
  const known = forgiven.wave === wave ? forgiven : { failed: 0, reports: 0 };
  return { ...forgiven, wave, failed: Math.max(known.failed, left), reports: Math.max(known.reports, left) };
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
  const known = { ...read, ...mostFrequent(plan, memory.waves.length - 1, counts) };
  const unhealthy = readHealth(plan, memory, counts);
  if (unhealthy !== undefined) return { ...unhealthy, ...read };
  if (halt.failure_count !== undefined && bad > halt.failure_count)
    return { rule: "FAILURE_COUNT", reading: bad, limit: halt.failure_count, ...known };
  if (halt.failure_pct === undefined || all < halt.min_reports || bad * 100 <= halt.failure_pct * all) return undefined;
  return { rule: "FAILURE_PCT", reading: (bad * 100) / all, limit: halt.failure_pct, ...known };
}

/** The rule about health, if too few updated devices are well. Those that a person has accepted are left out. */
function readHealth(
  { halt }: Plan,
  { waves, forgiven }: Memory,
  { heard }: Counts,
): Pick<Reading, "rule" | "reading" | "limit" | "looked" | "well"> | undefined {
  if (halt?.health === undefined || heard === undefined) return undefined;
  const accepted = forgiven.wave === waves.length - 1 ? (forgiven.unwell ?? 0) : 0;
  const looked = heard.looked - Math.min(accepted, heard.looked - heard.well);
  const { well } = heard;
  const limit = halt.health.well_pct;
  if (looked < halt.min_reports || well * 100 >= limit * looked) return undefined;
  return { rule: "HEALTH", reading: (well * 100) / looked, limit, looked, well };
}

/** Whether the halt rule needs to know how updated devices are. */
export const asksWhoIsHeard = ({ halt }: Plan, { ended }: Memory, { waves }: Counts): boolean =>
  halt?.health !== undefined && ended === undefined && (waves.at(-1)?.updated ?? 0) > 0;

/**
 * The cause of most failures in a wave, of those that the halt rule is about. A failure without a log may only be one
 * whose log is on its way, so any other cause comes first.
 */
function mostFrequent(
  { halt }: Plan,
  wave: number,
  { causes }: Counts,
): Pick<Reading, "cause" | "causeKind" | "causeFailed"> {
  const failed = (one: CauseTally): number => one.waves[wave] ?? 0;
  const isKnown = ({ kind }: CauseTally): number => (kind === "no_log" || kind === "other" ? 0 : 1);
  const [first] = causes
    .filter((one) => failed(one) > 0 && (halt?.cause === undefined || isNamed(halt.cause, one)))
    .toSorted((a, b) => isKnown(b) - isKnown(a) || failed(b) - failed(a) || (a.signature < b.signature ? -1 : 1));
  if (first === undefined) return {};
  return { cause: first.signature, causeKind: first.kind, causeFailed: failed(first) };
}

/** The cause or the health in a reading, as facts of a decision. */
export const detailFacts = (reading: Reading): Readonly<Record<string, string | number>> => {
  const { cause, causeKind, causeFailed, looked, well } = reading;
  return {
    ...(cause !== undefined && { cause, causeKind: causeKind ?? "line", causeFailed: causeFailed ?? 0 }),
    ...(looked !== undefined && { looked, well: well ?? 0 }),
  };
};
