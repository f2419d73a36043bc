import type { Command } from "commander";
import { continueUpdate } from "./continue-update.ts";
import type { CliIo } from "./io.ts";
import { addRunOptions, type RunOptions } from "./run-options.ts";

export function register(program: Command, io: CliIo): void {
  const command = program
    .command("rollback")
    .description("go back to the system that was running before the update")
    .addHelpText(
      "after",
      "\nExit status: 0 done, 1 failed, 2 no update in progress.\n\nExample, before or after the reboot\n  switchback rollback",
    );
  addRunOptions(command).action((options: RunOptions) => continueUpdate("rollback", program, options, io));
}
