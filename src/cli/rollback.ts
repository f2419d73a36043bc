import type { Command } from "commander";
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
  addRunOptions(command).action(async (options: RunOptions) => {
    const { continueUpdate } = await import("./continue-action.ts");
    await continueUpdate("rollback", program, options, io);
  });
}
