import type { Run } from "../core/deployment/driver.ts";
import { reportRun, type StandaloneCommand } from "../core/deployment/report.ts";
import { describeError } from "../errors/agent-error.ts";
import type { CliIo } from "./io.ts";
import type { RunOptions } from "./run-options.ts";

export function printReport(command: StandaloneCommand, run: Run, options: RunOptions, io: CliIo): void {
  const report = reportRun(command, run, options.rebootExitCode === true);
  const [why, ...then] = new Set(report.errors.map(describeError));
  if (why !== undefined) io.err(`Could not fulfill request: ${why}`);
  for (const line of then) io.err(`Failed after that: ${line}`);
  for (const line of report.lines) io.out(line);
  io.exitCode = report.exitCode;
}
