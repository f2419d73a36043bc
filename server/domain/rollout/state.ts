import { hash } from "node:crypto";
import type { Plan } from "../../../src/protocol/api/rollouts.ts";
import { isApproved } from "./acts.ts";
import type { Allowance } from "./allowance.ts";
import { type Counts, NO_TALLY, type Tally, takenIn } from "./counts.ts";
import { isStopped, type Memory } from "./memory.ts";

/** A rollout in one word. `ending`: it has expired, and waits for the devices that have begun. */
export const STATES = ["waiting", "running", "paused", "halted", "ending", "aborted", "finished"] as const;
export type State = (typeof STATES)[number];

export function stateOf(plan: Plan, memory: Memory): State {
  if (memory.ended !== undefined)
    return ["ABORTED", "ROLLED_BACK", "HALTED"].includes(memory.ended.why) ? "aborted" : "finished";
  if (memory.expiredAt !== undefined) return "ending";
  if (memory.halted !== undefined) return "halted";
  if (isStopped(memory)) return "paused";
  return memory.waves.length === 0 || !isApproved(plan, memory) ? "waiting" : "running";
}

/** Why a rollout lets no device begin, for the device that asks. */
export type Closed =
  | "ROLLOUT_HALTED"
  | "ROLLOUT_PAUSED"
  | "ROLLOUT_EXPIRED"
  | "NEEDS_APPROVAL"
  | "WAITS_FOR_START"
  | "OUTSIDE_WINDOW"
  | "MAX_DEVICES_REACHED";

/** `undefined`: devices may begin, if it is their turn and there is a place. */
export function closedBy(plan: Plan, memory: Memory, counts: Counts, { by, upTo }: Allowance): Closed | undefined {
  if (memory.halted !== undefined) return "ROLLOUT_HALTED";
  if (memory.paused !== undefined) return "ROLLOUT_PAUSED";
  if (isStopped(memory)) return "ROLLOUT_EXPIRED";
  if (!isApproved(plan, memory)) return "NEEDS_APPROVAL";
  if (memory.waves.length === 0) return "WAITS_FOR_START";
  if (by === "WINDOW") return "OUTSIDE_WINDOW";
  return by === "MAX_DEVICES" && takenIn(counts) >= upTo ? "MAX_DEVICES_REACHED" : undefined;
}

const KINDS: Readonly<Record<string, keyof Tally>> = {
  success: "updated",
  failure: "failed",
  "already-installed": "had",
  noartifact: "unfit",
  aborted: "left",
  decommissioned: "left",
};

/** Adds up Mender's statuses: what is no end is under way. */
export function tallyOf(statuses: ReadonlyMap<string, number>): Tally {
  const tally: Record<keyof Tally, number> = { ...NO_TALLY };
  for (const [status, n] of statuses) tally[KINDS[status] ?? "underWay"] += n;
  return tally;
}

/** The rank of a device in a rollout, from 0 to 1. It is the same at each poll and on each node. */
export const rankOf = (deployment: string, device: string): number =>
  hash("sha256", `${deployment}/${device}`, "buffer").readUInt32BE(0) / 2 ** 32;

/** How many places each shard has: what has begun there, and an even part of what may begin besides. */
export function capsOf(begun: readonly number[], upTo: number): readonly number[] {
  const room = Math.max(0, upTo - begun.reduce((sum, n) => sum + n, 0));
  const each = Math.floor(room / begun.length);
  return begun.map((n, shard) => n + each + (shard < room % begun.length ? 1 : 0));
}
