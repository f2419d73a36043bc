import { expect, test } from "vitest";
import { NO_TALLY } from "../../../../server/domain/rollout/counts.ts";
import { nextSamples, recentOf, restart } from "../../../../server/domain/rollout/recent.ts";
import { doorOf, reachOf } from "../../../../server/domain/rollout/sizes.ts";
import { capsOf, rankOf, tallyOf } from "../../../../server/domain/rollout/state.ts";
import type { Gate, Membership } from "../../../../server/domain/selection/facts.ts";
import { select, waitsFor } from "../../../../server/domain/selection/select.ts";
import { Plan } from "../../../../src/protocol/api/rollouts.ts";

const FLEET = { devices: 1000, groups: { lab: 40 } };

for (const { title, waves, reach } of [
  { title: "shares add up", waves: [{ percent: 1 }, { percent: 24 }, { rest: true }], reach: [10, 250, 1000] },
  { title: "a part of a device is a device", waves: [{ percent: 0.11 }, { rest: true }], reach: [2, 1000] },
  { title: "numbers and groups", waves: [{ group: "lab" }, { count: 5 }, { rest: true }], reach: [40, 45, 1000] },
  { title: "a group that is not there", waves: [{ group: "none" }, { rest: true }], reach: [0, 1000] },
  { title: "more than there are", waves: [{ count: 5000 }, { rest: true }], reach: [1000, 1000] },
])
  test(`how far waves reach: ${title}`, () => {
    const plan = Plan.parse({ waves });
    expect(plan.waves.map((_, index) => reachOf(plan, index, FLEET))).toEqual(reach);
  });

test("the door of a wave has more devices than places, and the last one has all", () => {
  const plan = Plan.parse({ waves: [{ group: "lab" }, { percent: 10 }, { rest: true }] });
  expect(doorOf(plan, 0, FLEET)).toEqual({ below: 0, groups: [] });
  expect(doorOf(plan, 1, FLEET)).toEqual({ below: 0, groups: ["lab"] });
  const { below } = doorOf(plan, 2, FLEET);
  expect(below).toBeGreaterThan(0.14);
  expect(below).toBeLessThan(0.5);
  expect(doorOf(plan, 3, FLEET)).toEqual({ below: 1, groups: ["lab"] });
});

for (const { title, plan, message } of [
  { title: "no waves", plan: { waves: [] }, message: /waves/ },
  { title: "a wave with two sizes", plan: { waves: [{ percent: 1, count: 1 }, { rest: true }] }, message: /one of/ },
  { title: "no rest", plan: { waves: [{ percent: 50 }] }, message: /rest/ },
  { title: "rest in the middle", plan: { waves: [{ rest: true }, { rest: true }] }, message: /only the last/ },
  { title: "more than all", plan: { waves: [{ percent: 60 }, { percent: 50 }, { rest: true }] }, message: /100/ },
  { title: "a gate behind the last", plan: { waves: [{ rest: true, gate: {} }] }, message: /no wave follows/ },
  { title: "a halt rule without a limit", plan: { waves: [{ rest: true }], halt: {} }, message: /failure_pct/ },
  {
    title: "a time zone that is none",
    plan: { waves: [{ rest: true }], window: { time_zone: "Mars", days: ["mon"], start: "01:00", end: "02:00" } },
    message: /time zone/,
  },
])
  test(`a plan is refused: ${title}`, () => {
    const { error } = Plan.safeParse(plan);
    expect(JSON.stringify(error?.issues)).toMatch(message);
  });

test("caps add up to what is allowed, and none is below what has begun", () => {
  for (const [begun, upTo] of [
    [[0, 0, 0], 7],
    [[5, 0, 1], 6],
    [[5, 0, 1], 2],
    [[9, 2, 0], 30],
  ] as const) {
    const caps = capsOf(begun, upTo);
    const sum = (numbers: readonly number[]): number => numbers.reduce((all, n) => all + n, 0);
    expect(sum(caps)).toBe(Math.max(sum(begun), upTo));
    expect(caps.every((cap, shard) => cap >= (begun[shard] ?? 0))).toBe(true);
  }
});

test("ranks are spread evenly, and differ from rollout to rollout", () => {
  const ranks = Array.from({ length: 2000 }, (_, n) => rankOf("r1", `device ${n}`));
  const below = ranks.filter((rank) => rank < 0.25).length;
  expect(below).toBeGreaterThan(400);
  expect(below).toBeLessThan(600);
  expect(Math.min(...ranks)).toBeGreaterThanOrEqual(0);
  expect(Math.max(...ranks)).toBeLessThan(1);
  expect(rankOf("r2", "device 0")).not.toBe(ranks[0]);
});

test("statuses become tallies: what is no end is under way", () => {
  const statuses = { success: 1, failure: 2, "already-installed": 3, noartifact: 4, aborted: 5, decommissioned: 6 };
  const all = new Map(Object.entries({ ...statuses, pending: 7, rebooting: 8 }));
  expect(tallyOf(all)).toEqual({ updated: 1, failed: 2, had: 3, unfit: 4, left: 11, underWay: 15 });
});

test("only reports within the window count, and none from before a restart", () => {
  const plan = Plan.parse({ waves: [{ rest: true }], halt: { failure_pct: 5, window_s: 60 } });
  const waves = (failed: number, updated: number) => [{ ...NO_TALLY, failed, updated }];
  let samples = restart(plan, [], 0);
  samples = nextSamples(plan, samples, waves(1, 4), 10_000);
  expect(recentOf(plan, samples, waves(2, 8), 20_000)).toEqual({ failed: 2, reports: 10 });
  // The first five have left the window.
  expect(recentOf(plan, samples, waves(2, 8), 75_000)).toEqual({ failed: 1, reports: 5 });
  samples = restart(plan, waves(2, 8), 80_000);
  expect(recentOf(plan, samples, waves(3, 9), 81_000)).toEqual({ failed: 1, reports: 2 });
});

const MEMBER: Membership = {
  ...{ device: "d", acceptedAt: 1, group: "lab", groupSince: 1 },
  ...{ listedIn: new Set<string>(), updatedIn: new Set<string>(), finishedSeq: 0, known: undefined },
};
const gate = (more: Partial<Gate>): Gate => ({
  ...{ closed: undefined, below: 0, groups: new Set<string>(), reopens: undefined },
  ...more,
});
const own = rankOf("r", "d");
for (const { title, is, expected } of [
  { title: "no plan", is: undefined, expected: undefined },
  { title: "paused", is: gate({ closed: "ROLLOUT_PAUSED", below: 1 }), expected: "ROLLOUT_PAUSED" },
  { title: "below the door", is: gate({ below: own + 1e-9 }), expected: undefined },
  { title: "at the door", is: gate({ below: own }), expected: "WAITS_FOR_WAVE" },
  { title: "let in by its group", is: gate({ groups: new Set(["lab"]) }), expected: undefined },
  { title: "another group", is: gate({ groups: new Set(["field"]) }), expected: "WAITS_FOR_WAVE" },
])
  test(`what a device waits for: ${title}`, () => {
    expect(waitsFor({ id: "r", gate: is }, MEMBER)).toBe(expected);
  });

test("a device that waits gets another deployment, what it has begun comes first, and what it has passed ends", () => {
  const facts = { artifactName: "v1", deviceType: "a", provides: {} };
  const artifact = { id: "x", deviceTypes: ["a"], depends: {}, createdAt: 1, size: 5 };
  const make = (id: string, seq: number, own: Gate | undefined) => ({
    ...{ id, seq, artifactName: "v2", target: { kind: "all" as const }, createdAt: 5, forceInstallation: false },
    ...{ artifacts: [artifact], gate: own, downloads: undefined },
  });
  const closed = make("closed", 1, gate({ closed: "NEEDS_APPROVAL" }));
  const plain = make("plain", 2, undefined);
  expect(select(facts, MEMBER, [closed, plain], new Map())).toMatchObject({ deployment: { id: "plain" } });
  expect(select(facts, MEMBER, [closed], new Map())).toMatchObject({ code: "NEEDS_APPROVAL", about: "closed" });
  const open = make("open", 1, gate({ below: 1 }));
  expect(select(facts, MEMBER, [open], new Map(), new Set(["open"]))).toMatchObject({ code: "WAITS_FOR_PLACE" });
  const busy = () => "WAITS_FOR_SITE" as const;
  expect(select(facts, MEMBER, [open], new Map(), new Set(), busy)).toMatchObject({ code: "WAITS_FOR_SITE" });
  // What needs no download ends, and what has begun goes on.
  expect(select({ ...facts, artifactName: "v2" }, MEMBER, [open], new Map(), new Set(), busy).ended).toHaveLength(1);
  const again = { isFinal: false, artifact: undefined, artifactName: "v1", deviceType: "a" };
  expect(select(facts, MEMBER, [open], new Map([["open", again]]), new Set(), busy)).toMatchObject({ kind: "offer" });
  const row = { isFinal: false, artifact: "x", artifactName: "v1", deviceType: "a" };
  expect(select(facts, MEMBER, [open, plain], new Map([["plain", row]]))).toMatchObject({
    deployment: { id: "plain" },
  });
  expect(select(facts, { ...MEMBER, finishedSeq: 2 }, [open], new Map())).toMatchObject({
    ended: [{ deployment: "open", status: "aborted", reason: "SUPERSEDED" }],
  });
});
