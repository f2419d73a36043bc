import type { Command } from "commander";
import type { CliIo } from "../../agent/io.ts";
import { continueUpdate } from "./continue-update.ts";
import { addRunOptions, type RunOptions } from "./run-options.ts";

export function register(program: Command, io: CliIo): void {
  const command = program
    .command("resume")
    .description("finish or undo an interrupted update, or continue one that was stopped with --stop-before")
    .option("--reboot-exit-code", "exit with 4 when a reboot is needed")
    .addHelpText("after", EXAMPLES);
  addRunOptions(command).action((options: RunOptions) => continueUpdate("resume", program, options, io));
}

const EXAMPLES = `
Run it at every boot. With '--stop-before ArtifactCommit_Enter', an update that waits for your decision continues to wait.

Exit status:
  0  done, or the server's deployment is left to 'daemon' or 'poll'
  1  failed
  2  no update in progress
  4  the device needs a reboot (with --reboot-exit-code)

Example, at every boot:
  switchback resume --stop-before ArtifactCommit_Enter`;
