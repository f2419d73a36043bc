import { expect, test } from "vitest";
import { countsLine, countsOf, type Report, skippedLines } from "../../scripts/lib/vitest.ts";

const report = (numbers: Partial<Report>): Report => ({
  numPassedTests: 0,
  numFailedTests: 0,
  numPendingTests: 0,
  numTodoTests: 0,
  testResults: [],
  ...numbers,
});

test("the last line names skips only when there are some", () => {
  expect(countsLine({ passed: 3, failed: 0, skipped: 0 })).toBe("3 passed, 0 failed");
  expect(countsLine({ passed: 3, failed: 1, skipped: 2 })).toBe("3 passed, 1 failed, 2 skipped");
});

test("tests that are marked to be skipped or to be written count as skipped", () => {
  expect(countsOf(report({ numPassedTests: 4, numPendingTests: 1, numTodoTests: 1 }), 0)).toEqual({
    passed: 4,
    failed: 0,
    skipped: 2,
  });
});

const result = (status: string, fullName = "a test", lacks?: string) => ({
  ...{ status, fullName, meta: lacks === undefined ? {} : { lacks } },
});

test("a file that fails outside of its tests, in loading or in a hook, is a failure of its own", () => {
  const testResults = [
    { name: "/a", status: "failed", assertionResults: [] },
    { name: "/b", status: "failed", assertionResults: [result("skipped"), result("passed")] },
    { name: "/c", status: "failed", assertionResults: [result("failed")] },
    { name: "/d", status: "passed", assertionResults: [result("passed")] },
  ];
  expect(countsOf(report({ numPassedTests: 2, numFailedTests: 1, testResults }), 1).failed).toBe(3);
});

test("what is skipped is named, below the reason", () => {
  const testResults = [
    {
      ...{ name: "/repo/test/a.test.ts", status: "passed" },
      assertionResults: [result("skipped", "a mounts", "mount (denied)"), result("passed"), result("failed")],
    },
    {
      ...{ name: "/repo/test/b.test.ts", status: "passed" },
      assertionResults: [result("skipped", "b loops", "loop (no)"), result("pending", "b mounts", "mount (denied)")],
    },
  ];
  expect(skippedLines(report({ testResults }), "/repo")).toEqual([
    "Skipped, because this machine lacks mount (denied):",
    "  test/a.test.ts: a mounts",
    "  test/b.test.ts: b mounts",
    "Skipped, because this machine lacks loop (no):",
    "  test/b.test.ts: b loops",
  ]);
});

test("a run that fails without a failing test does not say that nothing failed", () => {
  expect(countsOf(report({ numPassedTests: 9 }), 1)).toEqual({ passed: 9, failed: 1, skipped: 0 });
});
