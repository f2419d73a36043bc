import { expect, test } from "vitest";
import { statisticsOf, statusesOf } from "../../../server/domain/deployments/statistics.ts";
import { type DecisionFacts, whyOf } from "../../../server/domain/deployments/why.ts";
import { conflicts } from "../../../server/domain/releases/artifact-facts.ts";

for (const [counts, devices, expected] of [
  [{}, 5, { pending: 5 }],
  [{ success: 2, failure: 1 }, 5, { success: 2, failure: 1, pending: 2 }],
  [{ pending: 2, success: 1 }, 5, { success: 1, pending: 4 }],
  [{ aborted: 5 }, 5, { aborted: 5 }],
  [{ success: 3, decommissioned: 3 }, 5, { success: 3, decommissioned: 3 }],
] as const)
  test(`counts ${JSON.stringify(counts)} of ${devices} devices show ${JSON.stringify(expected)}`, () => {
    const shown = statisticsOf(new Map(Object.entries(counts)), devices);
    expect(Object.fromEntries(Object.entries(shown).filter(([, n]) => n !== 0))).toEqual(expected);
    expect(Object.keys(shown).length).toBe(13);
  });

for (const [filter, expected] of [
  ["success", ["success"]],
  ["pause", ["pause_before_installing", "pause_before_rebooting", "pause_before_committing"]],
  ["finished", ["success", "failure", "noartifact", "already-installed", "aborted", "decommissioned"]],
  ["constructor", undefined],
] as const)
  test(`the filter ${filter} asks for ${expected?.join(", ") ?? "nothing that exists"}`, () => {
    expect(statusesOf(filter)).toEqual(expected);
  });

const FACTS: DecisionFacts = {
  deployment: { id: "d", seq: 7, state: "inprogress", createdAt: 1000 },
  ...{ isTarget: true, row: undefined, lastPollAt: 2000, finishedSeq: 6 },
  answer: { code: "DEPENDS", deployment: "d" },
};
const ended = { ...FACTS.deployment, state: "finished" } as const;
const aborted = { ...FACTS.deployment, state: "aborted" } as const;
for (const [change, expected] of [
  [{}, "DEPENDS"],
  [{ row: { reason: "DEVICE_TYPE" } }, "DEVICE_TYPE"],
  [{ row: { reason: undefined } }, "REPORTED"],
  [{ isTarget: false }, "NOT_IN_TARGET"],
  [{ deployment: aborted }, "ABORTED"],
  [{ deployment: ended }, "ENDED"],
  [{ finishedSeq: 7 }, "OLDER_THAN_FINISHED"],
  [{ lastPollAt: undefined }, "NOT_ASKED_YET"],
  [{ lastPollAt: 999 }, "NOT_ASKED_YET"],
  [{ answer: { code: "OFFERED", deployment: "another" } }, "WAITS_FOR_OTHER"],
  [{ answer: undefined }, "WAITS_FOR_OTHER"],
] as const)
  test(`${JSON.stringify(change)} is explained by ${expected}`, () => {
    expect(whyOf({ ...FACTS, ...change })).toBe(expected);
  });

const accepts = (deviceTypes: string[], depends: Record<string, string[]> = {}) => ({ deviceTypes, depends });
for (const [a, b, expected] of [
  [accepts(["a"]), accepts(["a"]), true],
  [accepts(["a", "b"]), accepts(["b", "c"]), true],
  [accepts(["a"]), accepts(["b"]), false],
  [accepts(["a"], { k: ["1"] }), accepts(["a"]), false],
  [accepts(["a"], { k: ["1"] }), accepts(["a"], { k: ["2"] }), false],
  [accepts(["a"], { k: ["1", "2"] }), accepts(["a"], { k: ["2", "3"] }), true],
  [accepts(["a"], { k: ["1"] }), accepts(["a"], { j: ["1"] }), false],
] as const)
  test(`Artifacts for ${JSON.stringify(a)} and ${JSON.stringify(b)} ${expected ? "conflict" : "do not conflict"}`, () => {
    expect([conflicts(a, b), conflicts(b, a)]).toEqual([expected, expected]);
  });
