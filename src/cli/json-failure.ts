import type { StandaloneCommand } from "../core/deployment/report.ts";
import { AgentError } from "../errors/agent-error.ts";
import { entryOf } from "../errors/catalogue.ts";
import type { CliIo } from "./io.ts";
import type { RunOptions } from "./run-options.ts";

/** Prints a named failure of `work` as the JSON object that was asked for, and passes it on. */
export async function withJsonFailure(
  command: StandaloneCommand,
  options: RunOptions,
  io: CliIo,
  work: () => Promise<void>,
): Promise<void> {
  try {
    await work();
  } catch (error) {
    if (options.json === true && error instanceof AgentError) {
      const { printResult } = await import("./print-report.ts");
      printResult(command, [], entryOf(error.code).exit ?? 1, options, io, [error]);
    }
    throw error;
  }
}
