import type { Plan } from "../../../src/protocol/api/rollouts.ts";
import { FACT_CODES, type FactCode, type HeadlineCode } from "../../../src/protocol/words/rollout-codes.ts";
import type { Cause } from "../failures/cause.ts";
import type { Factor } from "../failures/factors.ts";
import { type Counts, takenIn, underWayIn } from "./counts.ts";
import { sumOf } from "./effects.ts";
import type { Memory } from "./memory.ts";
import { stateOf } from "./state.ts";
import type { Wait } from "./waits.ts";

/** How the devices of a rollout are, as their polls say. Of many devices, only so many are looked at. */
export interface Health {
  readonly failed: {
    readonly looked: number;
    /** Since they failed, they have polled with the release that they had before. */
    readonly back: number;
    /** They said that they could not go back. */
    readonly inconsistent: number;
  };
  readonly updated: {
    readonly looked: number;
    /** No poll for two of its intervals and a minute. */
    readonly silent: number;
    /** Not heard since the update, but not for longer than is usual. */
    readonly unheard: number;
    /** Heard since the update, with another release than this one. */
    readonly other: number;
  };
  readonly underWay: { readonly looked: number; readonly silent: number };
  /** Until when it is usual that some are not heard. In milliseconds since 1970. */
  readonly usualUntil: number | undefined;
}

/** Everything that facts are made of. */
export interface Summary {
  readonly plan: Plan;
  readonly memory: Memory;
  readonly counts: Counts;
  /** The most urgent first. */
  readonly waits: readonly Wait[];
  readonly health: Health;
  /** Of what most devices failed. `undefined`: nothing that a log says. */
  readonly cause: FrequentCause | undefined;
}

/** A cause with how many devices failed by it. */
export interface FrequentCause extends Pick<Cause, "kind" | "signature"> {
  readonly devices: number;
  /** The strongest thing that these devices share, and that others lack. */
  readonly factor: Factor | undefined;
}

type Numbers = Readonly<Record<string, string | number>>;

/** What is the case, as a code with its numbers. */
export interface Fact {
  readonly code: FactCode;
  readonly facts: Numbers;
}

const FACTS_MAX = 5;

/** At most five facts about a rollout, the most urgent first. */
export function factsOf({ counts, health, cause }: Summary): readonly Fact[] {
  const facts = [
    ...[...ofFailed(health, counts), ...ofCause(cause, counts)],
    ...[...ofUpdated(health), ...ofOthers(health, counts)],
  ];
  return facts.toSorted((a, b) => FACT_CODES.indexOf(a.code) - FACT_CODES.indexOf(b.code)).slice(0, FACTS_MAX);
}

function* ofFailed({ failed: { looked, back, inconsistent } }: Health, counts: Counts): Generator<Fact> {
  const { failed } = sumOf(counts);
  if (failed === 0) return;
  if (inconsistent > 0) yield { code: "FAILED_INCONSISTENT", facts: { devices: inconsistent, failed } };
  // Those that were not looked at are not known to be back either.
  const unheard = Math.max(looked, failed) - back - inconsistent;
  if (unheard > 0) yield { code: "FAILED_UNHEARD", facts: { devices: unheard, failed } };
  else if (inconsistent === 0) yield { code: "FAILED_BACK", facts: { devices: failed } };
}

/** A cause is worth a fact if so many of the failures have it. */
const CAUSE_LEAST = 0.6;

function* ofCause(cause: FrequentCause | undefined, counts: Counts): Generator<Fact> {
  const { failed } = sumOf(counts);
  if (cause === undefined || cause.devices < 2 || cause.devices < failed * CAUSE_LEAST) return;
  const { kind, signature, devices, factor } = cause;
  const shared = factor && {
    ...{ scope: factor.scope, attribute: factor.attribute, value: factor.value },
    ...{ have: factor.failed.have, of: factor.failed.of },
    ...{ othersHave: factor.succeeded.have, othersOf: factor.succeeded.of },
  };
  // A device may have failed since it was counted by its cause, or the other way round.
  yield { code: "ONE_CAUSE", facts: { devices, failed: Math.max(failed, devices), kind, cause: signature, ...shared } };
}

function* ofUpdated({ updated, usualUntil }: Health): Generator<Fact> {
  const { looked, silent, unheard, other } = updated;
  if (looked === 0) return;
  if (silent > 0) yield { code: "UPDATED_SILENT", facts: { devices: silent, looked } };
  if (other > 0) yield { code: "UPDATED_OTHER", facts: { devices: other, looked } };
  if (unheard > 0)
    yield {
      code: "UPDATED_UNHEARD",
      facts: { devices: unheard, looked, ...(usualUntil !== undefined && { until: usualUntil }) },
    };
  if (silent + other + unheard === 0) yield { code: "UPDATED_WELL", facts: { devices: looked } };
}

function* ofOthers({ underWay: { silent } }: Health, counts: Counts): Generator<Fact> {
  const underWay = underWayIn(counts);
  const waiting = Math.max(0, counts.devices - counts.outside - takenIn(counts));
  if (silent > 0) yield { code: "UNDER_WAY_SILENT", facts: { devices: silent, underWay } };
  if (underWay > 0) yield { code: "UNDER_WAY", facts: { devices: underWay, waiting } };
  else if (waiting > 0) yield { code: "NOT_BEGUN", facts: { devices: waiting } };
}

/** The state of a rollout in one sentence, as a code with its numbers. */
export interface Headline {
  readonly code: HeadlineCode;
  readonly facts: Numbers;
}

export function headlineOf({ plan, memory, counts, waits }: Summary): Headline {
  const { updated, had, failed } = sumOf(counts);
  const numbers = { devices: counts.devices, updated: updated + had, failed };
  const wait = (code: Wait["code"]): Numbers | undefined => waits.find((one) => one.code === code)?.facts;
  switch (stateOf(plan, memory)) {
    case "finished":
      return { code: "FINISHED", facts: { ...numbers, why: memory.ended?.why ?? "", at: memory.ended?.at ?? 0 } };
    case "aborted":
      return { code: "ABORTED", facts: { ...numbers, why: memory.ended?.why ?? "", at: memory.ended?.at ?? 0 } };
    case "halted":
      return { code: "HALTED", facts: { at: memory.halted?.at ?? 0, ...wait("HALTED"), ...rateOf(counts) } };
    case "paused":
      return { code: "PAUSED", facts: { ...numbers, ...wait("RESUME") } };
    case "ending":
      return { code: "ENDING", facts: { ...numbers, underWay: underWayIn(counts) } };
    case "waiting": {
      const approval = wait("APPROVAL");
      if (approval !== undefined) return { code: "WAITS_FOR_APPROVAL", facts: approval };
      return { code: "WAITS_FOR_START", facts: wait("START") ?? {} };
    }
    case "running": {
      const window = wait("WINDOW");
      if (window !== undefined) return { code: "OUTSIDE_WINDOW", facts: { ...numbers, ...window } };
      const soak = wait("SOAK");
      if (soak !== undefined) return { code: "SOAKING", facts: { ...numbers, ...soak } };
      return { code: "ON_COURSE", facts: { ...numbers, wave: memory.waves.length - 1, waves: plan.waves.length } };
    }
  }
}

/** The failures in the newest wave now, which is not what they were when the rule halted the rollout. */
function rateOf({ waves }: Counts): Numbers {
  const { updated = 0, failed = 0 } = waves.at(-1) ?? {};
  return { failedNow: failed, reportsNow: updated + failed };
}
