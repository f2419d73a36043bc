import type { Plan } from "../../../src/protocol/api/rollouts.ts";
import type { Act, Refusal } from "./acts.ts";
import { advance, type News } from "./advance.ts";
import type { Leaving } from "./counts.ts";
import { type Effect, effectsOf } from "./effects.ts";
import type { Memory } from "./memory.ts";

const ACTS = [
  ...(["approve", "pause", "resume", "open_next", "skip_soak", "retry_failed"] as const),
  ...(["leave_out", "abort", "roll_back"] as const),
] satisfies readonly Act["act"][];

/** Stands for devices that the person has yet to name: it only tells whether the act is possible at all. */
const TO_BE_NAMED: Leaving = { without: "", devices: 1, groups: {}, failed: [] };

/** An act with what it would do, or with the reason why it is refused. */
export interface PossibleAct {
  readonly act: Act["act"];
  readonly refused: Refusal | undefined;
  /** None of `leave_out`: they depend on which devices the person names. */
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
    const isToBeNamed = name === "leave_out";
    const act: Act = { act: name, by, ...(isToBeNamed && { leaving: TO_BE_NAMED }) };
    const after = advance(plan, memory, { counts, now, acts: [act] });
    const refused = after.refused[0]?.why;
    return { act: name, refused, effects: refused === undefined && !isToBeNamed ? effectsOf(act, counts, after) : [] };
  });
}
