import { setTimeout } from "node:timers/promises";
import type { Command } from "commander";
import type { CliIo } from "../../agent/io.ts";
import { createLogger } from "../../agent/logging.ts";
import type { KeyOptions } from "../../agent/managed/server.ts";
import { resolvePaths } from "../../config/paths.ts";
import { readGlobalOptions } from "../global-options.ts";
import { underBothLocks } from "../under-lock.ts";
import { addKeyOptions } from "./key-options.ts";

const LONGEST_TIMER_MS = 2 ** 31 - 1;

/** `mender-auth daemon`, which boards start as a service beside `mender-update daemon`. */
export function register(program: Command, io: CliIo): void {
  const command = program
    .command("daemon")
    .description("stay until stopped; the update daemon authorises the device itself")
    .addHelpText("after", EXAMPLES);
  addKeyOptions(command).action(async (options: KeyOptions) => {
    const globals = readGlobalOptions(program);
    const log = createLogger(io, globals);
    if (options.forcebootstrap === true) {
      await underBothLocks(resolvePaths(globals, io.env), io, async () => {
        const { bootstrap } = await import("./bootstrap-action.ts");
        return () => bootstrap(program, options, io);
      });
    }
    log("info", "The update daemon authorises the device itself. This process keeps running, but does nothing.");
    await untilStopped(io);
  });
}

/** The process must stay, because the service manager would restart it again and again. */
async function untilStopped(io: CliIo): Promise<void> {
  for (const signal of ["SIGUSR1", "SIGUSR2"] as const) io.onSignal?.(signal, () => undefined);
  while (!io.signal.aborted) {
    await setTimeout(LONGEST_TIMER_MS, undefined, { signal: io.signal }).catch(() => {
      // ignored: the loop ends with the signal.
    });
  }
}

const EXAMPLES = `
Services that start 'mender-auth daemon' beside 'mender-update daemon' keep working. Exit status: 0 stopped, 1 failed.

Example:
  mender-auth daemon`;
