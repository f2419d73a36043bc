import type { Command } from "commander";
import type { CliIo } from "../../agent/io.ts";
import { continueUpdate } from "./continue-update.ts";
import { addRunOptions, type RunOptions } from "./run-options.ts";

export function register(program: Command, io: CliIo): void {
  const command = program
    .command("commit")
    .description("keep the new system that runs on trial")
    .addHelpText(
      "after",
      "\nExit status:\n  0  committed\n  1  not committed\n  2  no update in progress\n\nExample, after a reboot into the new system:\n  switchback commit",
    );
  addRunOptions(command).action((options: RunOptions) => continueUpdate("commit", program, options, io));
}
