import type { Command } from "commander";
import type { CliIo } from "../../agent/io.ts";
import { resolvePaths } from "../../config/paths.ts";
import { readGlobalOptions } from "../global-options.ts";
import { underBothLocks } from "../under-lock.ts";
import { addKeyOptions } from "./key-options.ts";
import type { PollOptions } from "./poll-action.ts";

export function register(program: Command, io: CliIo): void {
  const command = program
    .command("poll")
    .description("ask the server once, install the update that it offers, and exit")
    .option("--now", "poll even if the next poll is not due yet")
    .option("--reboot", "reboot the device if an update needs it, as the daemon does")
    .addHelpText("after", EXAMPLES);
  addKeyOptions(command).action(async (options: PollOptions) => {
    const globals = readGlobalOptions(program);
    const paths = resolvePaths(globals, io.env);
    if (options.now !== true) {
      const { isNothingDue } = await import("./poll-due.ts");
      if (await isNothingDue(paths, io)) return;
    }
    await underBothLocks(paths, io, async () => {
      const { poll } = await import("./poll-action.ts");
      return () => poll(globals, options, io);
    });
  });
}

const EXAMPLES = `
Use it with a timer, in place of the daemon: no process stays in memory between two runs. It exits immediately if the next
poll is not due. If a run is interrupted, the next run continues its work. While a daemon or another poll runs, it fails
and changes nothing.

Exit status:
  0  nothing to do, not due yet, or the update succeeded
  1  the server cannot be reached or does not accept the device, the update failed, or a daemon runs
  4  the device needs a reboot; run 'poll' again after it

Examples:
  switchback poll
  switchback poll --now || { [ $? -eq 4 ] && reboot; }`;
