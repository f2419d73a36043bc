import { expect, test } from "vitest";
import { advance } from "../../../../server/domain/rollout/advance.ts";
import { NO_TALLY } from "../../../../server/domain/rollout/counts.ts";
import { initialMemory } from "../../../../server/domain/rollout/memory.ts";
import { Plan } from "../../../../src/protocol/api/rollouts.ts";
import { BEGIN } from "./plans.ts";

test("a rollout with a rate looks again soon after devices have begun, so that a quiet minute holds nobody back", () => {
  const plan = Plan.parse({ waves: [{ rest: true }], rate_per_minute: 6 });
  const counts = {
    devices: 60,
    waves: [],
    groups: {},
    outside: 0,
    leftOut: 0,
    causes: [],
    recent: { failed: 0, reports: 0 },
    overdue: 0,
  };
  const opened = advance(plan, initialMemory("author", BEGIN), { counts, acts: [], now: BEGIN });
  const begun = { ...counts, waves: [{ ...NO_TALLY, underWay: 1 }] };
  const looked = advance(plan, opened.memory, { counts: begun, acts: [], now: BEGIN + 1000 });
  expect([looked.allowance, looked.wakeAt]).toEqual([{ upTo: 1, by: "RATE" }, BEGIN + 5000]);
  const later = advance(plan, looked.memory, { counts: begun, acts: [], now: BEGIN + 5000 });
  const quiet = advance(plan, later.memory, { counts: begun, acts: [], now: BEGIN + 70_000 });
  expect(quiet.allowance.upTo).toBe(2);
});
