import { expect, test } from "vitest";
import { type Examination, examine } from "../../../src/core/doctor/examine.ts";
import { AgentError } from "../../../src/errors/agent-error.ts";

const part = (area: string, look: Examination["look"]): Examination => ({ area, advice: `look at ${area}`, look });

async function all(parts: readonly Examination[], signal = new AbortController().signal): Promise<readonly unknown[]> {
  const found: unknown[] = [];
  for await (const finding of examine(parts, signal)) found.push(finding);
  return found;
}

test("what fails to be looked at is a finding, and what comes after it is looked at", async () => {
  const found = await all([
    part("data", async () => {
      throw Object.assign(new Error("EIO: i/o error, stat '/data'"), { code: "EIO" });
    }),
    part("boot", async () => {
      throw new AgentError("BOARD_OFF", { board: "b" });
    }),
    part("clock", async () => [{ level: "good", subject: "clock", found: "right" }]),
  ]);
  expect(found).toEqual([
    { area: "data", level: "bad", subject: "data", found: "EIO: i/o error, stat '/data'", advice: "look at data" },
    {
      area: "boot",
      level: "bad",
      subject: "boot",
      found: "BOARD_OFF: Nothing runs on the virtual board. Start it with `switchback board boot`. (board=b)",
      advice: "switchback board boot b",
    },
    { area: "clock", level: "good", subject: "clock", found: "right" },
  ]);
});

test("a bug is no finding, and neither is an abort", async () => {
  const bug = part("data", async () => {
    throw new TypeError("a bug");
  });
  await expect(all([bug])).rejects.toThrow("a bug");
  await expect(all([bug], AbortSignal.abort(new Error("stop")))).rejects.toThrow("stop");
});
