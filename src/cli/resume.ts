import type { Command } from "commander";
import { continueUpdate } from "./continue-update.ts";
import type { CliIo } from "./io.ts";
import { addRunOptions, type RunOptions } from "./run-options.ts";

export function register(program: Command, io: CliIo): void {
  const command = program
    .command("resume")
    .description("finish or undo an update that was cut off, or go on with one that came to rest")
    .option("--reboot-exit-code", "exit with 4 when a reboot is needed")
    .addHelpText("after", EXAMPLES);
  addRunOptions(command).action((options: RunOptions) => continueUpdate("resume", program, options, io));
}

const EXAMPLES = `
Exit status: 0 done, or a deployment of the server waits for 'daemon' or 'poll', 1 failed, 2 no update in progress,
4 reboot needed (with --reboot-exit-code).

Example, at every boot: whatever a power cut interrupted is finished or undone, and an update
that waits for a decision goes on waiting
  switchback resume --stop-before ArtifactCommit_Enter`;
