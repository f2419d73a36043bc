import { ATTENTION_CODES, type AttentionCode } from "../../../src/protocol/words/attention-codes.ts";
import type { Memory } from "../rollout/memory.ts";

/** What may need a person. What the person may not see is missing. */
export interface Situation {
  /** The id of the person. */
  readonly person: string;
  readonly inconsistent: number;
  readonly pending: number;
  /** Of the accepted devices that were looked at, by group. `undefined`: those without a group. */
  readonly silence: readonly { readonly group: string | undefined; readonly looked: number; readonly silent: number }[];
  /** Rollouts that have not ended. */
  readonly rollouts: readonly {
    readonly id: string;
    readonly name: string;
    readonly memory: Memory;
    /** How many people must approve it. */
    readonly approvals: number;
  }[];
  /** Webhooks whose last attempt failed. Times are in milliseconds since 1970. */
  readonly webhooks: readonly {
    readonly id: string;
    readonly url: string;
    readonly failures: number;
    readonly failingSince: number;
    readonly isDisabled: boolean;
  }[];
}

/** Something that needs a person, as a code with its numbers, and what it is about. */
export interface Item {
  readonly code: AttentionCode;
  readonly facts: Readonly<Record<string, string | number>>;
  readonly about?: { readonly type: "rollout" | "group" | "webhook"; readonly id: string; readonly name: string };
}

/** Fewer silent devices of a group are no cluster: devices are switched off now and then. */
const CLUSTER_LEAST = 3;
const CLUSTER_SHARE = 0.2;

/** What needs a person, the most harm first. */
export function attentionOf(situation: Situation): readonly Item[] {
  const items = [
    ...ofDevices(situation),
    ...situation.rollouts.flatMap((rollout) => [...ofRollout(rollout, situation.person)]),
    ...situation.webhooks.map(ofWebhook),
  ];
  return items.toSorted((a, b) => ATTENTION_CODES.indexOf(a.code) - ATTENTION_CODES.indexOf(b.code));
}

function* ofDevices({ inconsistent, pending, silence }: Situation): Generator<Item> {
  if (inconsistent > 0) yield { code: "DEVICES_INCONSISTENT", facts: { devices: inconsistent } };
  if (pending > 0) yield { code: "DEVICES_PENDING", facts: { devices: pending } };
  const clusters = silence.filter(({ silent, looked }) => silent >= CLUSTER_LEAST && silent >= looked * CLUSTER_SHARE);
  for (const { group, silent, looked } of clusters.toSorted((a, b) => b.silent - a.silent))
    if (group !== undefined)
      yield {
        code: "GROUP_SILENT",
        facts: { devices: silent, looked },
        about: { type: "group", id: group, name: group },
      };
  const sum = (what: "silent" | "looked"): number => silence.reduce((all, one) => all + one[what], 0);
  if (sum("silent") > 0) yield { code: "DEVICES_SILENT", facts: { devices: sum("silent"), looked: sum("looked") } };
}

function* ofRollout({ id, name, memory, approvals }: Situation["rollouts"][number], person: string): Generator<Item> {
  const about = { type: "rollout", id, name } as const;
  if (memory.halted !== undefined) {
    const { at, wave, rule, reading, limit } = memory.halted;
    yield { code: "ROLLOUT_HALTED", facts: { at, wave, rule, reading, limit }, about };
  }
  const have = memory.approvedBy.length;
  if (have >= approvals) return;
  const isTheirs = memory.author === person || memory.approvedBy.includes(person);
  yield { code: "ROLLOUT_NEEDS_APPROVAL", facts: { have, need: approvals, byYou: isTheirs ? 0 : 1 }, about };
}

const ofWebhook = ({ id, url, failures, failingSince, isDisabled }: Situation["webhooks"][number]): Item => ({
  code: isDisabled ? "WEBHOOK_DISABLED" : "WEBHOOK_FAILING",
  facts: { failures, since: failingSince },
  about: { type: "webhook", id, name: url },
});
