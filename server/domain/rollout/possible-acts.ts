import type { Plan } from "../../../src/protocol/api/rollouts.ts";
import type { Act, Refusal } from "./acts.ts";
import { advance, type News } from "./advance.ts";
import { type Effect, effectsOf } from "./effects.ts";
import type { Memory } from "./memory.ts";

const ACTS = [
  ...(["approve", "pause", "resume", "open_next", "skip_soak", "retry_failed", "abort", "roll_back"] as const),
] satisfies readonly Act["act"][];

/** An act with what it would do, or with the reason why it is refused. */
export interface PossibleAct {
  readonly act: Act["act"];
  readonly refused: Refusal | undefined;
  readonly effects: readonly Effect[];
}

/** What the person could do now: each act is tried, and nothing changes. */
export function possibleActs(
  plan: Plan,
  memory: Memory,
  { counts, now }: Pick<News, "counts" | "now">,
  by: string,
): readonly PossibleAct[] {
  return ACTS.map((name) => {
    const after = advance(plan, memory, { counts, now, acts: [{ act: name, by }] });
    const refused = after.refused[0]?.why;
    return { act: name, refused, effects: refused === undefined ? effectsOf({ act: name }, counts, after) : [] };
  });
}
