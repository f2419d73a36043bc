import type { Command } from "commander";
import type { CliIo } from "../agent/io.ts";

/**
 * One file per command. `register` adds the command to the program. Its action throws an `AgentError` for a named
 * failure (the catalogue has the exit status) and sets `io.exitCode` for an ordinary result other than 0.
 */
export interface CommandModule {
  register(program: Command, io: CliIo): void;
}
