import type { AttentionCode } from "./attention-codes.ts";
import { at, count, devices } from "./numbers.ts";
import { reading } from "./rollout-words.ts";

type Facts = Readonly<Record<string, string | number>>;

/** What needs a person: what is the case, and what follows from it. `name`: what it is about. */
const WORDS: Readonly<Record<AttentionCode, (facts: Facts, name: string) => readonly [what: string, so: string]>> = {
  DEVICES_INCONSISTENT: ({ devices: n }) => [
    `${devices(n)} could not go back after a failed update`,
    "They may be down. Somebody must look at them.",
  ],
  ROLLOUT_HALTED: (facts, name) => [
    `Rollout ${name} was halted by its rule ${at(facts["at"])}`,
    `In wave ${Number(facts["wave"]) + 1}, ${reading(facts)}. No other device begins until a person decides.`,
  ],
  GROUP_SILENT: ({ devices: n, looked }, name) => [
    `${count(n)} of ${devices(looked)} of the group ${name} poll no more`,
    "So many of one group look like a fault of their site or network.",
  ],
  ROLLOUT_NEEDS_APPROVAL: ({ have, need, byYou }, name) => [
    `Rollout ${name} waits for approval`,
    `It has ${count(have)} of ${count(need)}. ${Number(byYou) === 1 ? "You can approve it." : "Somebody else must approve it."}`,
  ],
  DEVICES_PENDING: ({ devices: n }) => [`${devices(n)} ask to join`, "They get nothing until a person accepts them."],
  WEBHOOK_DISABLED: ({ since }, name) => [
    `The webhook ${name} gets nothing any more`,
    `It has failed since ${at(since)}, and was turned off.`,
  ],
  WEBHOOK_FAILING: ({ since, failures }, name) => [
    `The webhook ${name} cannot be reached`,
    `It has failed ${count(failures)} times since ${at(since)}.`,
  ],
  DEVICES_SILENT: ({ devices: n, looked }) => [
    `${count(n)} of ${devices(looked)} poll no more`,
    "They were not heard for more than two of their intervals.",
  ],
};

/** A code without words is said as it is: the server may be newer. */
export function attentionSentences(code: AttentionCode, facts: Facts, name = ""): readonly [what: string, so: string] {
  return Object.hasOwn(WORDS, code) ? WORDS[code](facts, name) : [code, ""];
}
