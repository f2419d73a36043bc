import type { Agent } from "../compose.ts";
import type { Run } from "../core/deployment/driver.ts";
import { reportRun, type StandaloneCommand } from "../core/deployment/report.ts";
import { describeError } from "../errors/agent-error.ts";
import type { CliIo } from "./io.ts";
import type { RunOptions } from "./run-options.ts";

/** Runs `work` while no other agent runs on this datastore. @throws {AgentError} AGENT_BUSY */
export async function withLock<T>(agent: Agent, work: () => Promise<T>): Promise<T> {
  const release = await agent.lock.acquire();
  try {
    return await work();
  } finally {
    await release();
  }
}

export function printReport(command: StandaloneCommand, run: Run, options: RunOptions, io: CliIo): void {
  const report = reportRun(command, run, options.rebootExitCode === true);
  for (const error of report.errors) io.err(`Could not fulfill request: ${describeError(error)}`);
  for (const line of report.lines) io.out(line);
  io.exitCode = report.exitCode;
}
