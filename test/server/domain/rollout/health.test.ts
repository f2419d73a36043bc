import { expect, test } from "vitest";
import { advance } from "../../../../server/domain/rollout/advance.ts";
import { type Counts, NO_TALLY } from "../../../../server/domain/rollout/counts.ts";
import { estimateOf } from "../../../../server/domain/rollout/estimate.ts";
import { initialMemory, type Memory } from "../../../../server/domain/rollout/memory.ts";
import { possibleActs } from "../../../../server/domain/rollout/possible-acts.ts";
import { Plan } from "../../../../src/protocol/api/rollouts.ts";
import { DECISIONS } from "../../../../src/protocol/words/rollout-words.ts";

const BEGIN = Date.UTC(2026, 5, 1);
const MINUTE = 60_000;
const PLAN = Plan.parse({
  waves: [{ count: 10, gate: { success_pct: 80, soak_s: 600, health: { well_pct: 90 } } }, { rest: true }],
});

/** A rollout whose first wave is open, looked at from time to time. */
class Run {
  memory: Memory = advance(PLAN, initialMemory("author", BEGIN), {
    ...{ counts: countsOf(undefined, undefined), acts: [], now: BEGIN },
  }).memory;

  /** @returns the codes of the decisions, and the first thing that it waits for */
  look(minutes: number, updated: number, health: Counts["health"]): string {
    const counts = countsOf(updated, health);
    const after = advance(PLAN, this.memory, { counts, acts: [], now: BEGIN + minutes * MINUTE });
    this.memory = after.memory;
    return [...after.decisions.map(({ code }) => code), after.waits[0]?.code].join(" ");
  }
}

function countsOf(updated: number | undefined, health: Counts["health"]): Counts {
  const waves = updated === undefined ? [] : [{ ...NO_TALLY, updated }];
  return {
    ...{
      devices: 100,
      waves,
      outside: 0,
      leftOut: 0,
      causes: [],
      recent: { failed: 0, reports: 0 },
      overdue: 0,
      groups: {},
    },
    ...(health !== undefined && { health }),
  };
}

test("a gate that asks for health soaks only while enough updated devices are well", () => {
  const run = new Run();
  expect(run.look(1, 7, { looked: 7, well: 7 })).toBe("GATE");
  expect(run.look(2, 8, undefined), "what is not known is not well").toBe("HEALTH");
  // 90 % of 8 devices are 8 devices.
  expect(run.look(3, 8, { looked: 8, well: 7 })).toBe("HEALTH");
  expect(run.look(4, 8, { looked: 8, well: 8 })).toBe("GATE_MET SOAK");
  expect(run.look(13, 8, { looked: 8, well: 8 })).toBe("SOAK");
  // One is lost: the soak begins anew when it is back.
  expect(run.look(13.5, 8, { looked: 8, well: 7 })).toBe("HEALTH_LOST HEALTH");
  expect(run.look(15, 8, { looked: 8, well: 7 })).toBe("HEALTH");
  expect(run.look(20, 8, { looked: 8, well: 8 })).toBe("GATE_MET SOAK");
  expect(run.look(29, 8, { looked: 8, well: 8 })).toBe("SOAK");
  expect(run.look(30, 8, { looked: 8, well: 8 })).toMatch(/^PASSED OPENED /);
});

test("health that cannot be read for a moment does not begin the soak anew, and does not end it", () => {
  const run = new Run();
  expect(run.look(1, 10, { looked: 10, well: 9 })).toBe("GATE_MET SOAK");
  expect(run.look(11, 10, undefined)).toBe("HEALTH");
  expect(run.look(12, 10, { looked: 10, well: 9 })).toMatch(/^PASSED OPENED /);
});

test("an estimate supposes that updated devices are well", () => {
  const supposed = {
    ...{ devices: 100, groups: {}, pollMs: 10 * MINUTE, updateMs: 10 * MINUTE, failurePct: 0 },
    ...{ start: BEGIN, size: 1, downloadMs: 1 },
  };
  expect(estimateOf(PLAN, supposed).outcome.kind).toBe("finishes");
});

for (const health of [
  { well_pct: 0 },
  { well_pct: 101 },
  { attributes: [{ attribute: "temperature" }] },
  { attributes: [{ attribute: "temperature", min: 5, max: 4 }] },
  { attributes: [{ attribute: "", max: 4 }] },
])
  test(`health ${JSON.stringify(health)} is refused`, () => {
    expect(Plan.safeParse({ waves: [{ count: 1, gate: { health } }, { rest: true }] }).success).toBe(false);
  });

const HALTING = Plan.parse({
  waves: [{ count: 10, gate: { success_pct: 100 } }, { rest: true }],
  halt: { health: { well_pct: 80 }, min_reports: 5 },
});

test("a halt rule about health stops the rollout when too few of those that were heard are well, and a person may accept them", () => {
  let memory = advance(HALTING, initialMemory("author", BEGIN), {
    ...{ counts: countsOf(undefined, undefined), acts: [], now: BEGIN },
  }).memory;
  const look = (heard: Counts["heard"], acts: readonly { act: "resume"; by: string }[] = []) => {
    const counts = { ...countsOf(8, undefined), ...(heard !== undefined && { heard }) };
    const after = advance(HALTING, memory, { counts, acts, now: memory.at + MINUTE });
    memory = after.memory;
    return after.decisions;
  };
  expect(look(undefined)).toEqual([]);
  // Four reports are too few, and 80 % is enough.
  expect(look({ looked: 4, well: 0 })).toEqual([]);
  expect(look({ looked: 5, well: 4 })).toEqual([]);
  const [halted, ...more] = look({ looked: 6, well: 4 });
  expect(more).toEqual([]);
  expect(halted).toMatchObject({ code: "HALTED", facts: { rule: "HEALTH", limit: 80, looked: 6, well: 4 } });
  expect(Number(halted?.facts["reading"])).toBeCloseTo(66.7, 1);
  expect(DECISIONS["HALTED"]?.(halted?.facts ?? {})).toBe(
    "halted in wave 1: 4 of 6 devices with the release are well (66.7 %), and the limit is 80 %",
  );
  // Two were accepted: with a third, 4 of 5 are well, and with a fourth 4 of 6.
  expect(look({ looked: 6, well: 4 }, [{ act: "resume", by: "b" }]).map(({ code }) => code)).toEqual(["RESUMED"]);
  expect(look({ looked: 7, well: 4 })).toEqual([]);
  expect(look({ looked: 8, well: 4 }).map(({ code }) => code)).toEqual(["HALTED"]);
});

test("the summary says whether devices can be left out, and not what that does before they are named", () => {
  const open = advance(PLAN, initialMemory("author", BEGIN), {
    ...{ counts: countsOf(undefined, undefined), acts: [], now: BEGIN },
  }).memory;
  const leaveOut = (memory: Memory) =>
    possibleActs(PLAN, memory, { counts: countsOf(1, undefined), now: BEGIN }, "a").find(
      ({ act }) => act === "leave_out",
    );
  expect(leaveOut(open)).toEqual({ act: "leave_out", refused: undefined, effects: [] });
  expect(leaveOut({ ...open, ended: { at: BEGIN, why: "FINISHED" } })).toMatchObject({ refused: "ENDED" });
});
