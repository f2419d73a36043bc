import { expect, test } from "vitest";
import { countsLine, countsOf, type Report } from "../../scripts/lib/vitest.ts";

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

test("a file that fails before its first test is a failure of its own", () => {
  const testResults = [
    { status: "failed", assertionResults: [] },
    { status: "failed", assertionResults: [{}] },
    { status: "passed", assertionResults: [{}] },
  ];
  expect(countsOf(report({ numPassedTests: 1, numFailedTests: 1, testResults }), 1).failed).toBe(2);
});

test("a run that fails without a failing test does not say that nothing failed", () => {
  expect(countsOf(report({ numPassedTests: 9 }), 1)).toEqual({ passed: 9, failed: 1, skipped: 0 });
});
