import type { Run } from "../core/deployment/driver.ts";
import { reportRun, type StandaloneCommand } from "../core/deployment/report.ts";
import { describeError } from "../errors/agent-error.ts";
import type { CliIo } from "./io.ts";
import type { RunOptions } from "./run-options.ts";

export function printReport(command: StandaloneCommand, run: Run, options: RunOptions, io: CliIo): void {
  const report = reportRun(command, run, options.rebootExitCode === true);
  for (const error of report.errors) io.err(`Could not fulfill request: ${describeError(error)}`);
  for (const line of report.lines) io.out(line);
  io.exitCode = report.exitCode;
}
