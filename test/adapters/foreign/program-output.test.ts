import { expect, test } from "vitest";
import { outputOf } from "../../../adapters/foreign/program-output.ts";

const never = new AbortController().signal;
type Run = Parameters<typeof outputOf>[0];

async function all(run: Run): Promise<readonly number[]> {
  const seen: number[] = [];
  for await (const chunk of outputOf(run, never)) seen.push(...chunk);
  return seen;
}

test("chunks come in order, and each is taken when the next is asked for", async () => {
  const taken: number[] = [];
  const run: Run = async (take) => {
    for (const byte of [1, 2, 3]) {
      await take(Uint8Array.of(byte));
      taken.push(byte);
    }
  };
  const seen: string[] = [];
  for await (const [byte] of outputOf(run, never)) seen.push(`${byte} after ${taken.join("")}`);
  expect(seen).toEqual(["1 after ", "2 after 1", "3 after 12"]);
});

test("a failure comes after all that was handed over", async () => {
  const seen: number[] = [];
  const run: Run = async (take) => {
    await take(Uint8Array.of(1));
    throw new Error("failed");
  };
  const read = async () => {
    for await (const chunk of outputOf(run, never)) seen.push(...chunk);
  };
  await expect(read()).rejects.toThrow("failed");
  expect(seen).toEqual([1]);
});

test("output that never comes is an end", async () => {
  expect(await all(async () => undefined)).toEqual([]);
});

test("leaving the loop stops what runs, and waits for its end", async () => {
  const steps: string[] = [];
  const run: Run = async (take, stop) => {
    await take(Uint8Array.of(1));
    steps.push(stop.aborted ? "stopped" : "goes on");
    await take(Uint8Array.of(2));
    steps.push("ended");
  };
  for await (const _ of outputOf(run, never)) break;
  expect(steps).toEqual(["stopped", "ended"]);
});
