import type { CliIo } from "../../agent/io.ts";
import type { Run } from "../../core/deployment/driver.ts";
import { reportRun, type StandaloneCommand } from "../../core/deployment/report.ts";
import { type AgentError, describeError } from "../../errors/agent-error.ts";
import { jsonLine } from "../one-line.ts";
import type { RunOptions } from "../update/run-options.ts";

/** The output of a standalone command with `--json`. New versions may add fields but must not rename any. */
export interface RunAsJson {
  readonly command: StandaloneCommand;
  /** Exit status of the command. */
  readonly exitCode: number;
  /** State of the pending update; `null` if there is none, and absent if the command did not look. */
  readonly pending?: string | null;
  readonly rebootRequired?: boolean;
  /** Whether the device is unsure which software it runs. */
  readonly inconsistent?: boolean;
  /** The lines that the command prints without `--json`. */
  readonly messages: readonly string[];
  /** The first error is the reason; the others happened during the rollback. */
  readonly errors: readonly { readonly code: string; readonly message: string }[];
}

/** @param invalid why the saved state of the update is invalid; always a failure, even if the update then ended well */
export function printReport(
  command: StandaloneCommand,
  run: Run,
  options: RunOptions,
  io: CliIo,
  invalid?: AgentError,
): void {
  const report = reportRun(command, run, options.rebootExitCode === true);
  const errors = invalid === undefined ? report.errors : [invalid, ...report.errors];
  const exitCode = invalid !== undefined && report.exitCode === 0 ? 1 : report.exitCode;
  const [why, ...then] = new Set(errors.map(describeError));
  if (why !== undefined) io.err(`Could not fulfill request: ${why}`);
  for (const line of then) io.err(`Failed after that: ${line}`);
  const { snapshot, steps } = run;
  printResult(command, report.lines, exitCode, options, io, errors, {
    pending: snapshot.state === "idle" ? null : snapshot.state,
    rebootRequired: steps.some(({ rebootRequired }) => rebootRequired),
    inconsistent: snapshot.inconsistent,
  });
}

/** Prints lines, or the object that holds them, and sets the exit status. */
export function printResult(
  command: StandaloneCommand,
  messages: readonly string[],
  exitCode: number,
  { json }: RunOptions,
  io: CliIo,
  errors: readonly AgentError[] = [],
  more: Pick<RunAsJson, "pending" | "rebootRequired" | "inconsistent"> = {},
): void {
  io.exitCode = exitCode;
  if (json !== true) {
    for (const line of messages) io.out(line);
    return;
  }
  const told = errors.map((error) => ({ code: error.code, message: describeError(error) }));
  const result: RunAsJson = { command, exitCode, ...more, messages, errors: told };
  io.out(jsonLine(result));
}
