import { execFileSync } from "node:child_process";
import { expect, test } from "vitest";
import { systemClock } from "../../../adapters/clock/system-clock.ts";

const never = new AbortController().signal;

test("the wall clock is the system's, in milliseconds", () => {
  const seconds = Number(execFileSync("date", ["+%s"], { encoding: "utf8" }));
  expect(Math.abs(systemClock.nowMs() / 1000 - seconds)).toBeLessThan(2);
});

test("sleep takes its time on the clock that never goes back", async () => {
  const before = systemClock.monotonicMs();
  await systemClock.sleep(30, never);
  expect(systemClock.monotonicMs() - before).toBeGreaterThanOrEqual(30);
  await systemClock.sleep(0, never);
});

test("an abort ends a sleep with the signal's own reason, before it or during it", async () => {
  const controller = new AbortController();
  const reason = new Error("stop now");
  const during = systemClock.sleep(60_000, controller.signal);
  controller.abort(reason);
  await expect(during).rejects.toBe(reason);
  await expect(systemClock.sleep(60_000, controller.signal)).rejects.toBe(reason);
  await expect(systemClock.sleep(0, controller.signal)).rejects.toBe(reason);
});

test("a sleep longer than a timer can hold does not end at once", async () => {
  const controller = new AbortController();
  const sleep = systemClock.sleep(2 ** 33, controller.signal);
  const first = await Promise.race([sleep.then(() => "woke"), systemClock.sleep(50, never).then(() => "asleep")]);
  expect(first).toBe("asleep");
  controller.abort(new Error("enough"));
  await expect(sleep).rejects.toThrow("enough");
});

test("a deadline aborts when it is due, and one far away does not", async () => {
  const near = systemClock.deadline(20);
  const far = systemClock.deadline(2 ** 33);
  expect([near.aborted, far.aborted]).toEqual([false, false]);
  await systemClock.sleep(80, never);
  expect([near.aborted, far.aborted]).toEqual([true, false]);
});

test("a timer calls back when it is due, unless it was ended, and one far away does not yet", async () => {
  const called: string[] = [];
  systemClock.startTimer(20, () => called.push("near"));
  systemClock.startTimer(20, () => called.push("ended"))();
  const endFar = systemClock.startTimer(2 ** 33, () => called.push("far"));
  await systemClock.sleep(80, never);
  expect(called).toEqual(["near"]);
  endFar();
});
