import type { Command } from "commander";
import { composeAgent } from "../compose.ts";
import type { StandaloneCommand } from "../core/deployment/report.ts";
import type { Answer } from "../core/deployment/standalone.ts";
import { describeError } from "../errors/agent-error.ts";
import { readGlobalOptions } from "./global-options.ts";
import type { CliIo } from "./io.ts";
import { printReport } from "./print-report.ts";
import { type RunOptions, stopBefore } from "./run-options.ts";

/** What `commit`, `rollback` and `resume` do. The caller holds the lock. */
export async function goOn(
  command: Exclude<StandaloneCommand, "install">,
  program: Command,
  options: RunOptions,
  io: CliIo,
): Promise<void> {
  const stops = stopBefore(options);
  const agent = await composeAgent(readGlobalOptions(program), io);
  const answer = await agent.standalone[command](stops, io.signal);
  printAnswer(command, answer, options, io);
}

/** Nothing has failed: whoever runs `resume` at each start of the system need not know of servers. */
export const DEPLOYED = "A deployment waits for 'daemon' or 'poll'.";

function printAnswer(command: StandaloneCommand, answer: Answer, options: RunOptions, io: CliIo): void {
  switch (answer.kind) {
    case "none":
      io.out("No update in progress.");
      io.exitCode = 2;
      return;
    case "managed":
      io.out(DEPLOYED);
      return;
    case "refused":
      io.out("Update Module does not support rollback. System may be in an inconsistent state.");
      io.exitCode = 1;
      return;
    case "ran":
      if (answer.invalid !== undefined) io.err(`Could not fulfill request: ${describeError(answer.invalid)}`);
      printReport(command, answer.run, options, io);
      if (answer.invalid !== undefined && io.exitCode === 0) io.exitCode = 1;
  }
}
