import { mkdir, readFile, rm } from "node:fs/promises";
import { passThrough, say } from "./run.ts";
import type { TierName } from "./tiers.ts";

/** Numbers of tests, as the runner counted them. */
export interface Counts {
  readonly passed: number;
  readonly failed: number;
  readonly skipped: number;
}

/** The part of the output of vitest's JSON reporter that we use. */
export interface Report {
  readonly numPassedTests: number;
  readonly numFailedTests: number;
  readonly numPendingTests: number;
  readonly numTodoTests: number;
  readonly testResults: readonly {
    readonly name: string;
    readonly status: string;
    readonly assertionResults: readonly TestResult[];
  }[];
}

interface TestResult {
  readonly status: string;
  readonly fullName: string;
  readonly meta: { readonly lacks?: string };
}

/**
 * Counts of a report. A file that fails outside of its tests (while loading, or in a hook) counts as one failure. So
 * does a run that fails without a failing test (an uncaught error), so that no failed run prints "0 failed".
 */
export function countsOf(report: Report, exitCode: number): Counts {
  const broken = report.testResults.filter(
    (file) => file.status === "failed" && !file.assertionResults.some(({ status }) => status === "failed"),
  );
  const failed = report.numFailedTests + broken.length;
  return {
    passed: report.numPassedTests,
    failed: failed === 0 && exitCode !== 0 ? 1 : failed,
    skipped: report.numPendingTests + report.numTodoTests,
  };
}

export const add = (a: Counts, b: Counts): Counts => ({
  passed: a.passed + b.passed,
  failed: a.failed + b.failed,
  skipped: a.skipped + b.skipped,
});

/** The last line of every test command. */
export function countsLine({ passed, failed, skipped }: Counts): string {
  return `${passed} passed, ${failed} failed${skipped === 0 ? "" : `, ${skipped} skipped`}`;
}

/**
 * The skipped tests, grouped by what the machine lacks: a line with the reason, then a line for each test.
 *
 * @param folder prefix to remove from the file names
 */
export function skippedLines({ testResults }: Report, folder: string): string[] {
  const byReason = new Map<string, string[]>();
  for (const { name, assertionResults } of testResults) {
    for (const { status, fullName, meta } of assertionResults) {
      if (status === "passed" || status === "failed") continue;
      const reason = meta.lacks ?? "something else: see above";
      const line = `  ${name.slice(folder.length + 1)}: ${fullName}`;
      byReason.set(reason, [...(byReason.get(reason) ?? []), line]);
    }
  }
  return [...byReason].flatMap(([reason, lines]) => [`Skipped, because this machine lacks ${reason}:`, ...lines]);
}

interface RunOptions {
  /** Executable of Node, whose folder becomes the first in PATH. */
  readonly node?: string;
  /** Folder with the program, built from the current sources: the tests start a copy. Without it, they build one. */
  readonly built?: string;
}

/** Runs tiers, by default under the Node that runs this script. */
export async function runVitest(
  tiers: readonly TierName[],
  filters: readonly string[],
  { node = process.execPath, built }: RunOptions = {},
): Promise<Counts> {
  const folder = "node_modules/.cache/switchback";
  const file = `${folder}/test-report-${process.pid}.json`;
  await mkdir(folder, { recursive: true });
  const projects = tiers.flatMap((tier) => ["--project", tier]);
  const reporters = ["--reporter=default", "--reporter=json", `--outputFile.json=${file}`];
  const path = `${node.slice(0, node.lastIndexOf("/"))}:${process.env["PATH"] ?? ""}`;
  const args = ["node_modules/vitest/vitest.mjs", "run", ...projects, ...reporters, ...filters];
  const env = { PATH: path, ...(built !== undefined && { TESTED_SWITCHBACK: built }) };
  const exitCode = await passThrough(node, args, env);
  const report = JSON.parse(await readFile(file, "utf8")) as Report;
  await rm(file);
  for (const line of skippedLines(report, process.cwd())) say(line);
  return countsOf(report, exitCode);
}
