import type { Command } from "commander";
import type { CliIo } from "../../agent/io.ts";
import { resolvePaths } from "../../config/paths.ts";
import { readGlobalOptions } from "../global-options.ts";
import { underBothLocks } from "../under-lock.ts";
import type { TakeoverCommandOptions } from "./takeover-action.ts";

export function register(program: Command, io: CliIo): void {
  program
    .command("takeover")
    .description(
      "take over a device from the Mender client with its Artifact name and device key, or give the device back",
    )
    .option("--check", "check whether a takeover is possible, and change nothing")
    .option("--undo", "give the device back to the Mender client")
    .option("--overwrite", "replace Switchback's record of the installed software with the Mender client's")
    .option("--json", "print one JSON object")
    .addHelpText("after", EXAMPLES)
    .action(async (options: TakeoverCommandOptions) => {
      const load = async () => {
        const { takeover } = await import("./takeover-action.ts");
        return () => takeover(readGlobalOptions(program), options, io);
      };
      // Locks are files, and a check makes none.
      if (options.check === true) await (await load())();
      else await underBothLocks(resolvePaths(readGlobalOptions(program), io.env), io, load);
    });
}

const EXAMPLES = `
Stop and disable the Mender client's service first. The device key and the configuration stay as they are: both clients
use the same files. Nothing changes in the Mender client's store, except that --undo replaces it if Switchback has
installed something since.

Exit status:
  0  done, done before, or possible
  1  refused, and nothing is changed
  2  nothing to do: no store of a Mender client, or (--undo) nothing was taken over

Examples:
  switchback takeover --check
  switchback takeover
  switchback takeover --undo`;
