import type { CliIo } from "../agent/io.ts";
import type { StandaloneCommand } from "../core/deployment/report.ts";
import { AgentError } from "../errors/agent-error.ts";
import { entryOf } from "../errors/catalogue.ts";
import type { RunOptions } from "./update/run-options.ts";

/** With --json, prints an `AgentError` of `work` as a JSON object with its lines. Rethrows every error. */
export async function withJsonFailure(
  command: StandaloneCommand,
  options: RunOptions,
  io: CliIo,
  work: (lines: string[]) => Promise<void>,
): Promise<void> {
  const lines: string[] = [];
  try {
    await work(lines);
  } catch (error) {
    if (options.json === true && error instanceof AgentError) {
      const { printResult } = await import("./tools/print-report.ts");
      printResult(command, lines, entryOf(error.code).exit ?? 1, options, io, [error]);
    }
    throw error;
  }
}
