import type { Plan } from "../../../src/protocol/api/rollouts.ts";
import { type Counts, takenIn, underWayIn } from "./counts.ts";
import { isStopped, type Memory } from "./memory.ts";
import { windowAt } from "./window.ts";

const MINUTE_MS = 60_000;
/** In which a sixth of a minute's devices may begin: they must not all begin at its first second. */
const SPELL_MS = 10_000;
const SAMPLE_MS = 5000;

export type Limit = "STOPPED" | "WINDOW" | "WAVES" | "MAX_DEVICES" | "CONCURRENCY" | "RATE";

/** How many devices may have begun, counted from the first one on, and what sets that number. */
export interface Allowance {
  readonly upTo: number;
  readonly by: Limit;
}

/** It is never less than the number of those that have begun, and exactly that number while nothing new may begin. */
export function allowanceOf(plan: Plan, memory: Memory, counts: Counts): Allowance {
  const taken = takenIn(counts);
  const newest = memory.waves.at(-1);
  const limits: Record<Limit, number> = {
    STOPPED: isStopped(memory) ? taken : Number.POSITIVE_INFINITY,
    WINDOW: plan.window === undefined || windowAt(plan.window, memory.at).isOpen ? Number.POSITIVE_INFINITY : taken,
    WAVES: newest === undefined ? 0 : newest.from + newest.size,
    MAX_DEVICES: plan.max_devices ?? Number.POSITIVE_INFINITY,
    CONCURRENCY: taken - underWayIn(counts) + (plan.concurrency ?? Number.POSITIVE_INFINITY),
    RATE: plan.rate_per_minute === undefined ? Number.POSITIVE_INFINITY : rateOf(plan.rate_per_minute, memory),
  };
  const [by, least] = (Object.entries(limits) as [Limit, number][]).reduce((a, b) => (b[1] < a[1] ? b : a));
  return { upTo: Math.max(taken, least), by };
}

function rateOf(perMinute: number, { begun, at }: Memory): number {
  const before = (ms: number): number => begun.findLast(([then]) => then <= at - ms)?.[1] ?? begun[0]?.[1] ?? 0;
  return Math.min(before(MINUTE_MS) + perMinute, before(SPELL_MS) + Math.max(1, Math.ceil(perMinute / 6)));
}

/** Remembers how many have begun. What is older than a minute is needed no more, but for the newest of it. */
export function sampled(plan: Plan, { begun }: Memory, counts: Counts, now: number): Memory["begun"] {
  if (plan.rate_per_minute === undefined) return begun;
  const [last] = begun.at(-1) ?? [Number.NEGATIVE_INFINITY];
  if (now - last < SAMPLE_MS) return begun;
  const first = begun.findLastIndex(([at]) => at <= now - MINUTE_MS);
  return [...begun.slice(Math.max(0, first)), [now, takenIn(counts)]];
}

/** When more devices may begin because of the rate, if nothing else changes, and when to remember who has begun. */
export function rateChangesAt({ begun, at }: Memory, counts: Counts): readonly number[] {
  const changes = begun.flatMap(([then]) => [then + SPELL_MS, then + MINUTE_MS]);
  const [then = at, taken = 0] = begun.at(-1) ?? [];
  if (takenIn(counts) > taken) changes.push(then + SAMPLE_MS);
  return changes.filter((change) => change > at);
}
