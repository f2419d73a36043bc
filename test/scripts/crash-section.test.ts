import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { type CrashResult, crashSection, replaceSection } from "../../scripts/lib/crash-section.ts";

const RESULT: CrashResult = {
  ...{ what: "SIGKILL at random, seed 1", cuts: 3, resumed: 1, rolledBack: 2, broken: 0 },
  ...{ blocksKept: 5, blocksLost: 7, renamesUndone: 2, filesTorn: 1, states: { install: 1, "@commit": 2 } },
};

test("a recorded result says what was counted", () => {
  const section = crashSection([RESULT], "today");
  expect(section).toContain("Measured today.");
  expect(section).toContain("| SIGKILL at random, seed 1 | 3 | 1 | 2 | 0 | 7 of 12 | 2 | 1 |");
  expect(section).toContain("State on disk at the cut: 2 @commit, 1 install.");
});

test("for deployments it says what the server received", () => {
  const told = { deployments: 3, finals: 5, requests: 40, troubles: 9 };
  expect(crashSection([RESULT, { ...RESULT, told }], "today")).toContain(
    "\n3 deployments on a server that answered 9 of 40 requests badly: 5 final statuses, each true, 2 of them sent again because the answer was lost.\n",
  );
});

test("what is broken, and what counted nothing, is never recorded", () => {
  for (const bad of [[], [{ ...RESULT, broken: 1 }], [RESULT, { ...RESULT, cuts: 0 }]])
    expect(() => crashSection(bad, "today")).toThrow("no good result");
});

test.each(["killed-at-random", "killed-in-deployments"] as const)(
  "the page has one place for the result, which a new one replaces (%s)",
  (place) => {
    const page = readFileSync("docs/reliability.md", "utf8");
    const once = replaceSection(page, crashSection([RESULT], "today", place));
    const twice = replaceSection(once, crashSection([{ ...RESULT, cuts: 4 }], "tomorrow", place));
    expect([twice.includes("today"), twice.split("tomorrow").length]).toEqual([false, 2]);
    expect(() => replaceSection("# Another page", once)).toThrow("no place");
  },
);
