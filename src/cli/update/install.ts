import type { Command } from "commander";
import type { CliIo } from "../../agent/io.ts";
import { resolvePaths } from "../../config/paths.ts";
import { readGlobalOptions } from "../global-options.ts";
import { withJsonFailure } from "../json-failure.ts";
import { underLock } from "../under-lock.ts";
import type { InstallOptions } from "./install-action.ts";
import { addRunOptions } from "./run-options.ts";

export function register(program: Command, io: CliIo): void {
  const command = program
    .command("install")
    .description(
      "install an Artifact: write it to the inactive slot and boot it on trial, or give it to its update module",
    )
    .argument("<source>", "file, named pipe, http(s) address, or - for standard input")
    .option("--reboot-exit-code", "exit with 4 when a reboot is needed")
    .option("--on-this-machine", "let update modules and state scripts of a virtual board change this machine")
    .option("--strict-compat", "refuse an Artifact with more than one payload, as Mender clients do")
    .addHelpText("after", EXAMPLES);
  addRunOptions(command).action((source: string, options: InstallOptions) =>
    withJsonFailure("install", options, io, (lines) =>
      underLock(resolvePaths(readGlobalOptions(program), io.env), io, async () => {
        const { install } = await import("./install-action.ts");
        return () => install(source, program, options, io, lines);
      }),
    ),
  );
}

const EXAMPLES = `
After the reboot, 'switchback commit' keeps the new system. Without a commit, the next power-on returns to the old one.

Exit status:
  0  installed
  1  failed
  4  installed, and the device needs a reboot (with --reboot-exit-code)

Examples:
  switchback install release-2.mender
  switchback install --reboot-exit-code https://example.com/release-2.mender || { [ $? -eq 4 ] && reboot; }
  switchback install --json release-2.mender | jq -e .rebootRequired
  xzcat release-2.mender.xz | switchback install -`;
