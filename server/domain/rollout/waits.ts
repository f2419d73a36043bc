import type { Plan } from "../../../src/protocol/api/rollouts.ts";
import { isApproved } from "./acts.ts";
import { type Allowance, rateChangesAt } from "./allowance.ts";
import { type Counts, takenIn, underWayIn } from "./counts.ts";
import { readGate, soakOf, startOf } from "./gates.ts";
import { detailFacts } from "./halt.ts";
import type { Memory } from "./memory.ts";
import { windowAt } from "./window.ts";

/** Something that a rollout waits for. `until`: it ends by time alone. */
export interface Wait {
  readonly code:
    | "APPROVAL"
    | "RESUME"
    | "HALTED"
    | "EXPIRY"
    | "START"
    | "GATE"
    | "HEALTH"
    | "SOAK"
    | "WINDOW"
    | "RATE"
    | "CONCURRENCY"
    | "DEVICES";
  readonly facts: Readonly<Record<string, number | string>>;
  readonly until?: number;
}

/** What a rollout waits for, the most urgent first. */
export function waitsOf(plan: Plan, memory: Memory, counts: Counts, { upTo, by }: Allowance): readonly Wait[] {
  if (memory.ended !== undefined) return [];
  const waits: Wait[] = [];
  const { paused, halted, expiredAt } = memory;
  if (halted !== undefined) {
    const { rule, reading, limit, wave } = halted;
    waits.push({ code: "HALTED", facts: { rule, reading, limit, wave, ...detailFacts(halted) } });
  }
  if (paused !== undefined) waits.push({ code: "RESUME", facts: { by: paused.by, at: paused.at } });
  if (!isApproved(plan, memory))
    waits.push({ code: "APPROVAL", facts: { have: memory.approvedBy.length, need: plan.approvals ?? 0 } });
  if (plan.window !== undefined && by === "WINDOW") {
    const { changesAt } = windowAt(plan.window, memory.at);
    waits.push({ code: "WINDOW", facts: { opens: changesAt }, until: changesAt });
  }
  if (halted === undefined && expiredAt === undefined) waits.push(...waitsOfWaves(plan, memory, counts));
  if (by === "RATE" || by === "CONCURRENCY") waits.push({ code: by, facts: { upTo } });
  if (memory.waves.length > 0) {
    const left = Math.max(0, counts.devices - counts.outside - takenIn(counts));
    waits.push({ code: "DEVICES", facts: { underWay: underWayIn(counts), left } });
  }
  if (plan.expires_at !== undefined && expiredAt === undefined) {
    const until = Date.parse(plan.expires_at);
    waits.push({ code: "EXPIRY", facts: { at: until }, until });
  }
  return waits;
}

function waitsOfWaves(plan: Plan, memory: Memory, counts: Counts): readonly Wait[] {
  const index = memory.waves.length - 1;
  const newest = memory.waves[index];
  const next = index + 1;
  if (next === plan.waves.length) return [];
  const start = startOf(plan, next);
  const starts: Wait[] = memory.at < start ? [{ code: "START", facts: { wave: next, at: start }, until: start }] : [];
  if (newest === undefined || newest.passedAt !== undefined) return starts;
  const { good, of, needed, isMet, isReached, health } = readGate(plan, index, newest, counts, memory);
  if (isReached && !isMet) return [{ code: "HEALTH", facts: { wave: index, ...health } }, ...starts];
  if (!isMet) return [{ code: "GATE", facts: { wave: index, good, of, needed } }, ...starts];
  const until = (newest.soakAt ?? memory.at) + soakOf(plan, index);
  return [{ code: "SOAK", facts: { wave: index, until }, until }, ...starts];
}

/** The next time at which time alone may move a rollout. Always in the future. */
export function wakeAtOf(plan: Plan, memory: Memory, counts: Counts, waits: readonly Wait[]): number | undefined {
  if (memory.ended !== undefined) return undefined;
  const times = waits.flatMap(({ until }) => (until === undefined ? [] : [until]));
  if (plan.window !== undefined) times.push(windowAt(plan.window, memory.at).changesAt);
  if (plan.rate_per_minute !== undefined) times.push(...rateChangesAt(memory, counts));
  const future = times.filter((at) => at > memory.at);
  return future.length === 0 ? undefined : Math.min(...future);
}
