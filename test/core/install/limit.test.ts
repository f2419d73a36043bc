import { beforeEach, expect, test } from "vitest";
import { createLimit, type Limit } from "../../../src/core/install/limit.ts";
import { AgentError } from "../../../src/errors/agent-error.ts";
import { createVirtualClock, type VirtualClock } from "../../support/virtual-clock.ts";

const LATE = new AgentError("SERVER_TIMEOUT");

let clock: VirtualClock;
let outer: AbortController;
let limit: Limit;
beforeEach(() => {
  clock = createVirtualClock();
  outer = new AbortController();
  limit = createLimit(clock, outer.signal);
});

test("what is late ends with what is said of it", async () => {
  limit.begin(1_000, () => LATE);
  await clock.pass(999);
  expect(limit.signal.aborted).toBe(false);
  await clock.pass(1);
  expect(limit.signal.reason).toBe(LATE);
});

test("what is not late after all is asked about again", async () => {
  const answers = [undefined, undefined, LATE];
  limit.begin(1_000, () => answers.shift());
  await clock.pass(2_999);
  expect(limit.signal.aborted).toBe(false);
  await clock.pass(1);
  expect(limit.signal.reason).toBe(LATE);
});

test("each part has its own time limit, which ends with the part", async () => {
  limit.begin(1_000, () => LATE);
  await clock.pass(900);
  limit.begin(5_000, () => undefined);
  await clock.pass(60_000);
  expect(limit.signal.aborted).toBe(false);
});

test("the outer signal counts until the end, and after that nothing waits any more", async () => {
  const reason = new Error("stop");
  limit.begin(1_000, () => LATE);
  limit.end();
  await clock.pass(0);
  expect(clock.waiting).toBe(0);
  const other = createLimit(clock, outer.signal);
  outer.abort(reason);
  expect([limit.signal.aborted, other.signal.reason]).toEqual([false, reason]);
  expect(() => createLimit(clock, outer.signal)).toThrow(reason);
});
