import { expect, test } from "vitest";
import { createInsist } from "../../../src/core/deployment/insist.ts";
import { AgentError } from "../../../src/errors/agent-error.ts";
import { createVirtualClock } from "../../support/virtual-clock.ts";

const HOUR_MS = 3_600_000;
const signal = new AbortController().signal;
const unreachable = new AgentError("TRANSPORT_FAILED");
const later = new AgentError("SOURCE_STATUS", { retryAfterMs: 5000 });

/** The second of each attempt, and its result. `random` is constant. */
async function attempts(answers: readonly (Error | "yes")[], random = 0, until = signal) {
  const clock = createVirtualClock();
  const seconds: number[] = [];
  const left = [...answers];
  const insist = createInsist({
    clock,
    log: () => undefined,
    limits: { maxIntervalMs: 300_000, count: 0 },
    random: () => random,
  });
  const deliver = async (): Promise<string> => {
    seconds.push(clock.monotonicMs() / 1000);
    const answer = left.shift() ?? unreachable;
    if (answer instanceof Error) throw answer;
    return answer;
  };
  const result = insist("status", deliver, until).catch((error: unknown) => error);
  for (let hour = 0; hour < 24; hour += 1) await clock.pass(HOUR_MS);
  return { seconds, result: await result };
}

test("what is delivered at once is delivered once", async () => {
  expect(await attempts(["yes"])).toEqual({ seconds: [0], result: "yes" });
});

test("it waits a minute three times, then two, four and five, and gives up with the last failure", async () => {
  expect(await attempts([])).toEqual({
    seconds: [0, 60, 120, 180, 300, 420, 540, 780, 1020, 1260, 1560, 1860, 2160],
    result: unreachable,
  });
});

test("the jitter makes the pauses longer, and never shorter", async () => {
  expect((await attempts([unreachable, unreachable, "yes"], 0.5)).seconds).toEqual([0, 90, 180]);
});

test("a time that the server has named decides, and the attempt does not count", async () => {
  const { seconds, result } = await attempts([unreachable, later, later]);
  expect(seconds).toEqual([0, 60, 65, 70, 130, 190, 310, 430, 550, 790, 1030, 1270, 1570, 1870, 2170]);
  expect(result).toBe(unreachable);
});

test("a device of a fleet waits up to a tenth longer than the server has said to all of them", async () => {
  expect((await attempts([later, later, "yes"], 0.5)).seconds).toEqual([0, 5.25, 10.5]);
});

const BACKED_OFF = [60, 120, 180, 300, 420, 540, 780, 1020, 1260, 1560, 1860, 2160];
const asking = (seconds: number) =>
  Array.from({ length: 200 }, () => new AgentError("SERVER_STATUS", { retryAfterMs: seconds * 1000 }));

const POSTPONED: readonly (readonly [string, number, readonly number[]])[] = [
  ["an hour", 3600, [0, 1, 2, 3, 4].map((hour) => hour * 3600)],
  ["three hours", 3 * 3600, [0, 3, 4].map((hour) => hour * 3600)],
  ["a day", 24 * 3600, [0, 4].map((hour) => hour * 3600)],
  ["a second", 1, Array.from({ length: 101 }, (_, second) => second)],
  ["no time at all", 0, Array.from({ length: 101 }, () => 0)],
];
for (const [asked, pause, postponed] of POSTPONED) {
  test(`a server that asks for ${asked} each time is no longer heeded after four hours, or a hundred times`, async () => {
    const answers = asking(pause);
    const { seconds, result } = await attempts(answers);
    const last = postponed.at(-1) ?? 0;
    expect(seconds.map(Math.floor)).toEqual([...postponed, ...BACKED_OFF.map((wait) => last + wait)]);
    expect(answers).toContain(result);
  });
}

test("a failure that another attempt cannot mend is the last, and so is a bug", async () => {
  const refused = new AgentError("CONFIG_INVALID");
  expect(await attempts([refused, "yes"])).toEqual({ seconds: [0], result: refused });
  const bug = new TypeError("bug");
  expect(await attempts([bug, "yes"])).toEqual({ seconds: [0], result: bug });
});

test("an abort ends the pause", async () => {
  const clock = createVirtualClock();
  const abort = new AbortController();
  const parts = { log: () => undefined, limits: { maxIntervalMs: 300_000, count: 0 }, random: () => 0 };
  const insist = createInsist({ clock, ...parts });
  const result = insist("status", () => Promise.reject(unreachable), abort.signal).catch((error: unknown) => error);
  await clock.pass(1000);
  abort.abort(new Error("stopped"));
  expect(await result).toEqual(new Error("stopped"));
});
