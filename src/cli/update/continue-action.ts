import type { Command } from "commander";
import { composeAgent } from "../../agent/agent.ts";
import type { CliIo } from "../../agent/io.ts";
import type { StandaloneCommand } from "../../core/deployment/report.ts";
import type { StandaloneResult } from "../../core/deployment/standalone.ts";
import { readGlobalOptions } from "../global-options.ts";
import { printReport, printResult } from "../tools/print-report.ts";
import { type RunOptions, stopBefore } from "./run-options.ts";

/** What `commit`, `rollback` and `resume` do. The caller holds the lock. */
export async function continueUpdate(
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

/** No failure: a service that runs `resume` at each boot need not know about servers. */
export const DEPLOYED = "A deployment waits for 'daemon' or 'poll'.";

function printAnswer(command: StandaloneCommand, answer: StandaloneResult, options: RunOptions, io: CliIo): void {
  const say = (message: string, exitCode: number): void => printResult(command, [message], exitCode, options, io);
  switch (answer.kind) {
    case "none":
      say("No update in progress.", 2);
      return;
    case "managed":
      say(DEPLOYED, 0);
      return;
    case "refused":
      say("Update Module does not support rollback. System may be in an inconsistent state.", 1);
      return;
    case "ran":
      printReport(command, answer.run, options, io, answer.invalid);
  }
}
