import type { Command } from "commander";
import type { CliIo } from "../agent/io.ts";

/**
 * One file per command. `register` adds the command to the program; its action throws an `AgentError`
 * for a named failure (the catalogue knows the exit status) and sets `io.exitCode` for an ordinary
 * answer that is not 0.
 */
export interface CommandModule {
  register(program: Command, io: CliIo): void;
}
