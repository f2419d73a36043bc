import type { Command } from "commander";
import type { Agent } from "../compose.ts";
import type { Run } from "../core/deployment/driver.ts";
import type { StandaloneCommand } from "../core/deployment/report.ts";
import type { Answer } from "../core/deployment/standalone.ts";
import { STOP_BEFORE, type StateName, type StopBefore } from "../core/deployment/table.ts";
import { AgentError, describeError } from "../errors/agent-error.ts";
import { agentFor } from "./agent-command.ts";
import type { CliIo } from "./io.ts";

export interface RunOptions {
  readonly stopBefore?: readonly string[];
}

export function addRunOptions(command: Command): Command {
  return command.option(
    "--stop-before <state>",
    `come to rest before this state (repeatable): ${Object.keys(STOP_BEFORE).join(", ")}`,
    (value: string, before: readonly string[] = []) => [...before, value],
  );
}

/** @throws {AgentError} CLI_USAGE for a state that cannot be stopped before */
export function stopBefore(options: RunOptions): ReadonlySet<StateName> {
  return new Set((options.stopBefore ?? []).map(stateOf));
}

function stateOf(name: string): StateName {
  if (!Object.hasOwn(STOP_BEFORE, name)) {
    throw new AgentError("CLI_USAGE", {
      option: "--stop-before",
      value: name,
      known: Object.keys(STOP_BEFORE).join(","),
    });
  }
  return STOP_BEFORE[name as StopBefore];
}

/** Runs `work` while no other agent runs on this datastore. @throws {AgentError} AGENT_BUSY */
export async function withLock<T>(agent: Agent, work: () => Promise<T>): Promise<T> {
  const release = await agent.lock.acquire();
  try {
    return await work();
  } finally {
    await release();
  }
}

/** Registers a command that goes on with a pending update: commit, rollback, resume. */
export async function continueUpdate(
  command: Exclude<StandaloneCommand, "install">,
  program: Command,
  options: RunOptions & { readonly rebootExitCode?: true },
  io: CliIo,
): Promise<void> {
  const stops = stopBefore(options);
  const agent = await agentFor(program, io);
  const answer = await withLock(agent, () => agent.standalone[command](stops, io.signal));
  await printAnswer(command, answer, options.rebootExitCode === true, io);
}

async function printAnswer(
  command: StandaloneCommand,
  answer: Answer,
  rebootExitCode: boolean,
  io: CliIo,
): Promise<void> {
  switch (answer.kind) {
    case "none":
      io.out("No update in progress.");
      io.exitCode = 2;
      return;
    case "refused":
      io.out("Update Module does not support rollback. System may be in an inconsistent state.");
      io.exitCode = 1;
      return;
    case "ran":
      return printReport(command, answer.run, rebootExitCode, io);
  }
}

export async function printReport(
  command: StandaloneCommand,
  run: Run,
  rebootExitCode: boolean,
  io: CliIo,
): Promise<void> {
  const { reportRun } = await import("../core/deployment/report.ts");
  const report = reportRun(command, run, rebootExitCode);
  for (const error of report.errors) io.err(`Could not fulfill request: ${describeError(error)}`);
  for (const line of report.lines) io.out(line);
  io.exitCode = report.exitCode;
}
