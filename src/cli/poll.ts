import type { Command } from "commander";
import { resolvePaths } from "../config/paths.ts";
import { readGlobalOptions } from "./global-options.ts";
import type { CliIo } from "./io.ts";
import { addKeyOptions } from "./key-options.ts";
import type { PollOptions } from "./poll-action.ts";
import { underBothLocks } from "./under-lock.ts";

export function register(program: Command, io: CliIo): void {
  const command = program
    .command("poll")
    .description("ask the server once, install what it has, and exit")
    .option("--now", "also when the next poll is not due yet")
    .option("--reboot", "reboot the device where an update needs it, as the daemon does")
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
For devices without a daemon: a timer runs it, and between two runs nothing stays in memory. A run that comes before
the next poll is due ends at once. One that was cut off is gone on with by the next. Beside a daemon, or another run, it
is refused and changes nothing.

Exit status:
  0  done: nothing to do, not due yet, or an update has come to its good end
  1  failed: the server cannot be reached or does not accept the device, an update has failed, or a daemon runs
  4  the device has to be rebooted, and 'poll' be run again after that

Examples:
  switchback poll
  switchback poll --now || { [ $? -eq 4 ] && reboot; }`;
