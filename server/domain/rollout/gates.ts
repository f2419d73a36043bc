import type { Plan } from "../../../src/protocol/api/rollouts.ts";
import { type Counts, NO_TALLY } from "./counts.ts";
import type { OpenWave } from "./memory.ts";

/** What a gate reads. */
export interface GateReading {
  /** Devices of the wave that run the release. */
  readonly good: number;
  /** Devices that it could have. */
  readonly of: number;
  readonly needed: number;
  readonly isMet: boolean;
}

/** Reads the gate behind a wave. Without a gate, a wave is always passed. */
export function readGate({ waves }: Plan, index: number, { from, size }: OpenWave, counts: Counts): GateReading {
  const { updated, had, unfit, left } = counts.waves[index] ?? NO_TALLY;
  // Devices that are gone without having begun leave places that nobody takes.
  const of = Math.max(0, Math.min(size, counts.devices - counts.outside - from) - unfit - left);
  const gate = waves[index]?.gate;
  const needed = gate === undefined ? 0 : Math.ceil((of * gate.success_pct) / 100 - 1e-9);
  const good = updated + had;
  return { good, of, needed, isMet: good >= needed };
}

export const soakOf = ({ waves }: Plan, index: number): number => (waves[index]?.gate?.soak_s ?? 0) * 1000;

export const startOf = ({ waves }: Plan, index: number): number => {
  const at = waves[index]?.start_at;
  return at === undefined ? Number.NEGATIVE_INFINITY : Date.parse(at);
};
