import type { HealthRule, Plan } from "../../../src/protocol/api/rollouts.ts";
import { type Counts, NO_TALLY } from "./counts.ts";
import type { Memory, OpenWave } from "./memory.ts";

/** What a gate reads. */
export interface GateReading {
  /** Devices of the wave that run the release. */
  readonly good: number;
  /** Devices that it could have. */
  readonly of: number;
  readonly needed: number;
  /** The devices alone, whatever is known of their health. */
  readonly isReached: boolean;
  /** Of a gate that asks for the health of updated devices. `undefined`: it does not, or the health is not known. */
  readonly health: { readonly looked: number; readonly well: number; readonly needed: number } | undefined;
  readonly isMet: boolean;
}

/** Reads the gate behind a wave. Without a gate, a wave is always passed. */
export function readGate(
  { waves }: Plan,
  index: number,
  { from, size }: OpenWave,
  counts: Counts,
  { excused = [] }: Pick<Memory, "excused">,
): GateReading {
  const { updated, had, unfit, left } = counts.waves[index] ?? NO_TALLY;
  // Devices that are gone without having begun leave places that nobody takes.
  const of = Math.max(0, Math.min(size, counts.devices - counts.outside - from) - unfit - left - (excused[index] ?? 0));
  const gate = waves[index]?.gate;
  const needed = gate === undefined ? 0 : Math.ceil((of * gate.success_pct) / 100 - 1e-9);
  const good = updated + had;
  const isReached = good >= needed;
  const health = readHealth(gate?.health, counts.health);
  const isHealthy = gate?.health === undefined || (health !== undefined && health.well >= health.needed);
  return { good, of, needed, isReached, health, isMet: isReached && isHealthy };
}

function readHealth(rule: HealthRule | undefined, health: Counts["health"]): GateReading["health"] {
  if (rule === undefined || health === undefined) return undefined;
  return { ...health, needed: Math.ceil((health.looked * rule.well_pct) / 100 - 1e-9) };
}

/** Whether the gate of the newest wave needs to know how its updated devices are. */
export function asksForHealth(plan: Plan, memory: Memory, counts: Counts): boolean {
  const { waves, ended } = memory;
  const index = waves.length - 1;
  const newest = waves[index];
  if (newest === undefined || newest.passedAt !== undefined || ended !== undefined) return false;
  return plan.waves[index]?.gate?.health !== undefined && readGate(plan, index, newest, counts, memory).isReached;
}

export const soakOf = ({ waves }: Plan, index: number): number => (waves[index]?.gate?.soak_s ?? 0) * 1000;

export const startOf = ({ waves }: Plan, index: number): number => {
  const at = waves[index]?.start_at;
  return at === undefined ? Number.NEGATIVE_INFINITY : Date.parse(at);
};
