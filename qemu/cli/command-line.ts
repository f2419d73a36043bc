import { Command, CommanderError } from "commander";
import type { CliIo } from "../../src/agent/io.ts";
import { AgentError, describeError } from "../../src/errors/agent-error.ts";
import { entryOf } from "../../src/errors/catalogue.ts";
import { printAlike } from "../../src/util/print-alike.ts";
import { VERSION } from "../../src/version.ts";
import { registerRun } from "./run-command.ts";
import { registerTest } from "./test-command.ts";

/** The command line of `switchback-qemu`. */
export function commandLine(io: CliIo): Command {
  const program = new Command("switchback-qemu")
    .description("Runs and tests images of devices with two root filesystem slots under QEMU.")
    .version(VERSION, "-v, --version");
  registerRun(program, io);
  registerTest(program, io);
  printAlike(program, io);
  return program;
}

/** Runs one command line, and leaves its exit status in `io`. */
export async function runCommandLine(argv: readonly string[], io: CliIo): Promise<void> {
  try {
    await commandLine(io).parseAsync([...argv], { from: "user" });
  } catch (error) {
    if (error instanceof CommanderError) io.exitCode = error.exitCode === 0 ? 0 : 1;
    else if (error instanceof AgentError) {
      io.err(error.code === "CANCELLED" ? "Interrupted." : `Could not fulfill request: ${describeError(error)}`);
      io.exitCode = entryOf(error.code).exit ?? 1;
    } else throw error;
  }
}
