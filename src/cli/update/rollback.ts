import type { Command } from "commander";
import type { CliIo } from "../../agent/io.ts";
import { continueUpdate } from "./continue-update.ts";
import { addRunOptions, type RunOptions } from "./run-options.ts";

export function register(program: Command, io: CliIo): void {
  const command = program
    .command("rollback")
    .description("return to the system that ran before the update")
    .addHelpText(
      "after",
      "\nExit status:\n  0  rolled back\n  1  failed\n  2  no update in progress\n\nExample, before or after the reboot:\n  switchback rollback",
    );
  addRunOptions(command).action((options: RunOptions) => continueUpdate("rollback", program, options, io));
}
