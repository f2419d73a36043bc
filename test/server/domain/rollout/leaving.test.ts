import { expect, test } from "vitest";
import type { Act } from "../../../../server/domain/rollout/acts.ts";
import { advance } from "../../../../server/domain/rollout/advance.ts";
import { type CauseTally, type Counts, type Leaving, NO_TALLY } from "../../../../server/domain/rollout/counts.ts";
import { effectsOf } from "../../../../server/domain/rollout/effects.ts";
import { estimateOf } from "../../../../server/domain/rollout/estimate.ts";
import { initialMemory } from "../../../../server/domain/rollout/memory.ts";
import { Plan } from "../../../../src/protocol/api/rollouts.ts";

const BEGIN = Date.UTC(2026, 5, 1);
const GATE = { success_pct: 95 };
const planOf = (more: object = {}): Plan =>
  Plan.parse({ waves: [{ percent: 10, gate: GATE }, { percent: 30, gate: GATE }, { rest: true }], ...more });
const HALT = { halt: { failure_pct: 5, min_reports: 20 } };

const countsOf = (wave: Partial<typeof NO_TALLY>, more: Partial<Counts> = {}): Counts => ({
  ...{ devices: 1000, leftOut: 0, waves: [{ ...NO_TALLY, ...wave }], outside: 0 },
  ...{ recent: { failed: 0, reports: 0 }, overdue: 0, groups: {}, causes: [] },
  ...more,
});
const cause = (signature: string, failed: number, kind: CauseTally["kind"] = "line"): CauseTally => ({
  ...{ kind, signature, waves: [failed] },
});
const LEAVING: Leaving = { without: "type = b", devices: 80, groups: { lab: 3 }, failed: [9] };

/** A rollout of 1,000 devices whose first wave of 100 is open. */
function opened(plan: Plan) {
  const nobody = { ...countsOf({}), waves: [] };
  return advance(plan, initialMemory("ann", BEGIN), { counts: nobody, acts: [], now: BEGIN }).memory;
}
const look = (plan: Plan, memory: ReturnType<typeof opened>, counts: Counts, ...acts: Act[]) =>
  advance(plan, memory, { counts, acts, now: BEGIN + 1000 });

for (const [what, causes, facts] of [
  ["the most frequent one", [cause("a", 2), cause("b", 7)], { cause: "b", causeKind: "line", causeFailed: 7 }],
  [
    "one with a line before those whose log is on its way",
    [cause("", 8, "no_log"), cause("a", 1)],
    { cause: "a", causeFailed: 1 },
  ],
  ["that no log came", [cause("", 9, "no_log")], { cause: "", causeKind: "no_log", causeFailed: 9 }],
  ["none that is not in the wave", [{ kind: "line", signature: "a", waves: [0] }], {}],
] as const satisfies readonly (readonly [string, readonly CauseTally[], object])[])
  test(`a halt names ${what}`, () => {
    const plan = planOf(HALT);
    const { decisions, waits } = look(plan, opened(plan), countsOf({ updated: 91, failed: 9 }, { causes }));
    const [halted] = decisions;
    expect(halted).toMatchObject({ code: "HALTED", facts: { failed: 9, reports: 100, ...facts } });
    expect(Object.hasOwn(halted?.facts ?? {}, "cause")).toBe(Object.keys(facts).length > 0);
    expect(waits[0]).toMatchObject({ code: "HALTED", facts });
  });

const named = planOf({ halt: { ...HALT.halt, cause: "no space left on /dev/sda1" } });
for (const [what, causes, halts] of [
  ["halts by its cause", [cause("write: no space left on ‹path›: stop", 6), cause("hot", 3)], true],
  ["does not halt by other causes", [cause("hot", 9)], false],
  ["does not halt by too few of its cause", [cause("write: no space left on ‹path›", 5), cause("hot", 4)], false],
  [
    "adds up the causes that it names",
    [cause("a: no space left on ‹path›", 3), cause("b: NO space left on ‹path›", 3)],
    true,
  ],
] as const)
  test(`a halt rule that names a cause ${what}`, () => {
    const { memory } = look(named, opened(named), countsOf({ updated: 91, failed: 9 }, { causes }));
    expect(memory.halted !== undefined).toBe(halts);
  });

test("what a person resumed in spite of is not counted again, by cause as well", () => {
  const causes = [cause("no space left on ‹path›", 6), cause("hot", 3)];
  const counts = countsOf({ updated: 91, failed: 9 }, { causes });
  const halted = look(named, opened(named), counts).memory;
  const resumed = look(named, halted, counts, { act: "resume", by: "ann" });
  expect(resumed.memory.halted).toBeUndefined();
  expect(look(named, resumed.memory, counts).memory.halted).toBeUndefined();
});

test("an overdue device tells no cause, so a rule for one refuses the limit", () => {
  const halt = { failure_count: 1, cause: "x", overdue_after_s: 600 };
  expect(Plan.safeParse({ waves: [{ rest: true }], halt }).success).toBe(false);
});

test("an estimate supposes that all failures have the cause", () => {
  const behaviour = { devices: 1000, groups: {}, pollMs: 60_000, updateMs: 60_000, failurePct: 10 };
  const { outcome } = estimateOf(named, { ...behaviour, start: BEGIN, size: 0, downloadMs: 0 });
  expect(outcome).toMatchObject({ kind: "halts", wave: 0, reading: { cause: "no space left on ‹path›" } });
});

test("devices that are left out leave counts, gates and the sizes of later waves", () => {
  const plan = planOf(HALT);
  const counts = countsOf({ updated: 91, failed: 9 });
  const halted = look(plan, opened(plan), counts).memory;
  // Without them, the gate of the first wave is never met: 91 of 100.
  const plain = look(plan, halted, counts, { act: "resume", by: "ann" });
  expect(plain.memory.waves).toHaveLength(1);
  const act: Act = { act: "resume", by: "ann", leaving: LEAVING };
  const { memory, decisions, refused } = look(plan, halted, counts, act);
  expect(refused).toEqual([]);
  expect(decisions[0]).toEqual({ code: "RESUMED", facts: { without: "type = b", devices: 80, failed: 9 } });
  // 91 of 91 good; the second wave has 30 % of the 920 that are left, after 10 % of them.
  expect(memory.waves).toMatchObject([{ size: 100 }, { from: 100, size: 268 }]);
  expect(memory.excused).toEqual([9]);
  expect(memory.leftOut).toEqual({ lab: 3 });
});

test("left out alone, they are no reason to halt either, and a stopped rollout stays stopped", () => {
  const plan = planOf(HALT);
  const counts = countsOf({ updated: 85, failed: 4 });
  const left = look(plan, opened(plan), counts, { act: "leave_out", by: "ann", leaving: { ...LEAVING, failed: [4] } });
  expect(left.decisions[0]).toMatchObject({ code: "LEFT_OUT" });
  const later = countsOf({ updated: 89, failed: 8 }, { devices: 920, leftOut: 80 });
  expect(look(plan, left.memory, later).memory.halted).toBeUndefined();
  expect(look(plan, opened(plan), countsOf({ updated: 89, failed: 8 })).memory.halted).toBeDefined();
  const paused = look(plan, opened(plan), counts, { act: "pause", by: "ann" }).memory;
  const both = look(plan, paused, counts, { act: "leave_out", by: "ann", leaving: LEAVING });
  expect([both.memory.paused === undefined, both.allowance.by]).toEqual([false, "STOPPED"]);
});

test("failures that a person has accepted before are not forgiven twice", () => {
  const plan = planOf(HALT);
  const counts = countsOf({ updated: 81, failed: 9 });
  const resumed = look(plan, look(plan, opened(plan), counts).memory, counts, { act: "resume", by: "ann" }).memory;
  const { memory } = look(plan, resumed, counts, { act: "leave_out", by: "ann", leaving: LEAVING });
  expect(memory.forgiven).toMatchObject({ failed: 9, reports: 90 });
});

test("nothing is left out if nothing matches, and a retry counts all failures again", () => {
  const plan = planOf();
  const counts = countsOf({ updated: 91, failed: 9 });
  const none = { ...LEAVING, devices: 0, failed: [0] };
  const before = opened(plan);
  const { refused, memory } = look(plan, before, counts, { act: "leave_out", by: "ann", leaving: none });
  expect([refused[0]?.why, memory]).toEqual(["NONE_MATCH", { ...before, at: BEGIN + 1000 }]);
  const left = look(plan, before, counts, { act: "leave_out", by: "ann", leaving: LEAVING }).memory;
  const retried = look(plan, left, countsOf({ updated: 91, failed: 9 }, { devices: 920 }), {
    act: "retry_failed",
    by: "ann",
  });
  expect(retried.memory.excused).toBeUndefined();
});

test("the effects name who is left out, and nobody twice", () => {
  const plan = planOf(HALT);
  const counts = countsOf({ updated: 60, failed: 9, underWay: 11 });
  const act: Act = { act: "leave_out", by: "ann", leaving: LEAVING };
  const effects = effectsOf(act, counts, look(plan, opened(plan), counts, act));
  expect(effects).toEqual([
    { code: "LEAVE", devices: 80 },
    { code: "COUNT_NO_MORE", devices: 9 },
    { code: "GO_ON", devices: 11 },
    { code: "MAY_BEGIN", devices: 20 },
    { code: "WAIT", devices: 820 },
  ]);
});
