import type { Plan } from "../../../src/protocol/api/rollouts.ts";
import { type Act, doAct, isApproved, openWave, type Refusal } from "./acts.ts";
import { type Allowance, allowanceOf, sampled } from "./allowance.ts";
import { type Counts, takenIn, underWayIn, withoutDevices, withoutFailures } from "./counts.ts";
import { readGate, soakOf, startOf } from "./gates.ts";
import { detailFacts, forgetEnded, passedLimit } from "./halt.ts";
import type { Decision, End, Memory } from "./memory.ts";
import { type Wait, waitsOf, wakeAtOf } from "./waits.ts";

/** What a rollout hears. */
export interface News {
  readonly counts: Counts;
  readonly acts: readonly Act[];
  readonly now: number;
  /** All devices have an end, or someone has ended the deployment. */
  readonly ended?: "FINISHED" | "ABORTED";
}

export interface Advanced {
  readonly memory: Memory;
  /** What was decided, in order. */
  readonly decisions: readonly Decision[];
  /** The acts that were not done. They have changed nothing. */
  readonly refused: readonly { readonly act: Act; readonly why: Refusal }[];
  readonly allowance: Allowance;
  /** What it waits for. Nothing if it has ended. */
  readonly waits: readonly Wait[];
  /** When to look again, although nothing else changes. `undefined`: only counts and people move it. */
  readonly wakeAt: number | undefined;
}

/** The one function that moves a rollout. It knows no clock and no database. */
export function advance(plan: Plan, before: Memory, news: News): Advanced {
  let { counts } = news;
  const decisions: Decision[] = [];
  const refused: { act: Act; why: Refusal }[] = [];
  let memory: Memory = { ...before, at: Math.max(before.at, news.now) };
  if (memory.ended === undefined && news.ended !== undefined) memory = end(memory, news.ended, counts, decisions);
  // An abort comes first, whatever else is asked for.
  const acts = [...news.acts.filter(isAbort), ...news.acts.filter((act) => !isAbort(act))];
  for (const act of acts) {
    const result = doAct(plan, memory, counts, act);
    if (typeof result === "string") refused.push({ act, why: result });
    else {
      memory = result.memory;
      decisions.push(result.decision);
      if (act.act === "retry_failed") counts = withoutFailures(counts);
      if (act.leaving !== undefined) counts = withoutDevices(counts, act.leaving);
    }
  }
  memory = forgetEnded(memory, counts);
  if (memory.ended === undefined) memory = decide(plan, memory, counts, decisions);
  memory = { ...memory, begun: sampled(plan, memory, counts, memory.at) };
  const allowance = allowanceOf(plan, memory, counts);
  const waits = waitsOf(plan, memory, counts, allowance);
  return { memory, decisions, refused, allowance, waits, wakeAt: wakeAtOf(plan, memory, counts, waits) };
}

const isAbort = ({ act }: Act): boolean => act === "abort" || act === "roll_back";

/** What the rollout decides by itself: first what stops it, then what moves it on. */
function decide(plan: Plan, before: Memory, counts: Counts, decisions: Decision[]): Memory {
  let memory = before;
  if (memory.expiredAt === undefined && plan.expires_at !== undefined && memory.at >= Date.parse(plan.expires_at)) {
    memory = { ...memory, expiredAt: memory.at };
    decisions.push({ code: "EXPIRED", facts: { underWay: underWayIn(counts) } });
  }
  if (memory.halted === undefined) memory = halt(plan, memory, counts, decisions);
  if (memory.ended !== undefined) return memory;
  if (memory.halted === undefined && memory.expiredAt === undefined) memory = moveOn(plan, memory, counts, decisions);
  const why = endOf(plan, memory, counts);
  return why === undefined ? memory : end(memory, why, counts, decisions);
}

function halt(plan: Plan, memory: Memory, counts: Counts, decisions: Decision[]): Memory {
  const passed = passedLimit(plan, memory, counts);
  if (passed === undefined) return memory;
  const wave = memory.waves.length - 1;
  const { rule, reading, limit, failed, overdue, reports } = passed;
  const facts = { wave, rule, reading, limit, failed, overdue, reports, ...detailFacts(passed) };
  decisions.push({ code: "HALTED", facts });
  const halted: Memory = { ...memory, halted: { at: memory.at, wave, ...passed } };
  return plan.halt?.action === "abort" ? end(halted, "HALTED", counts, decisions) : halted;
}

/** Reads gates and opens waves, as far as it goes. */
function moveOn(plan: Plan, before: Memory, counts: Counts, decisions: Decision[]): Memory {
  let memory = before;
  for (;;) {
    const next = step(plan, memory, counts, decisions);
    if (next === undefined) return memory;
    memory = next;
  }
}

function step(plan: Plan, memory: Memory, counts: Counts, decisions: Decision[]): Memory | undefined {
  const index = memory.waves.length - 1;
  const newest = memory.waves[index];
  const isLast = index === plan.waves.length - 1;
  if (isLast) return undefined;
  if (newest !== undefined && newest.passedAt === undefined) {
    const { good, of, isMet, isReached, health } = readGate(plan, index, newest, counts, memory);
    const replace = (wave: typeof newest): Memory => ({ ...memory, waves: memory.waves.with(index, wave) });
    if (isReached && !isMet && health !== undefined && newest.soakAt !== undefined) {
      // Devices must be well for the whole soak: it begins anew when they are.
      const { soakAt: _, ...unsoaked } = newest;
      decisions.push({ code: "HEALTH_LOST", facts: { wave: index, ...health } });
      return replace(unsoaked);
    }
    if (!isMet) return undefined;
    if (newest.soakAt === undefined) {
      decisions.push({ code: "GATE_MET", facts: { wave: index, good, of } });
      return replace({ ...newest, soakAt: memory.at });
    }
    if (newest.isSoakSkipped !== true && memory.at < newest.soakAt + soakOf(plan, index)) return undefined;
    decisions.push({ code: "PASSED", facts: { wave: index, good, of } });
    return replace({ ...newest, passedAt: memory.at });
  }
  if (memory.paused !== undefined || !isApproved(plan, memory) || memory.at < startOf(plan, index + 1))
    return undefined;
  const opened = openWave(plan, memory, counts, index + 1);
  decisions.push({ code: "OPENED", facts: { wave: index + 1, size: opened.waves.at(-1)?.size ?? 0 } });
  return opened;
}

/** Why the rollout is over although not all devices have an end. Those that have begun end first. */
function endOf(plan: Plan, memory: Memory, counts: Counts): End | undefined {
  if (underWayIn(counts) > 0) return undefined;
  if (memory.expiredAt !== undefined) return "EXPIRED";
  return takenIn(counts) >= (plan.max_devices ?? Number.POSITIVE_INFINITY) ? "LIMIT_REACHED" : undefined;
}

function end(memory: Memory, why: End, counts: Counts, decisions: Decision[]): Memory {
  decisions.push({ code: "ENDED", facts: { why, underWay: underWayIn(counts) } });
  return { ...memory, ended: { at: memory.at, why } };
}
