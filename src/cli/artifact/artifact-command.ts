import type { Command } from "commander";
import type { CliIo } from "../../agent/io.ts";
import { registerDump } from "./dump-command.ts";
import { registerFiles } from "./file-commands.ts";
import { registerModify } from "./modify-command.ts";
import { registerRead } from "./read-command.ts";
import { registerSign } from "./sign-command.ts";
import { registerValidate } from "./validate-command.ts";
import { registerWrite } from "./write-command.ts";
import { COMPRESSION_OPTION } from "./write-options.ts";

/** Has the commands and options of mender-artifact 3.9, so that a build system can call either of the two. */
export function register(program: Command, io: CliIo): void {
  // The program and `artifact` share short options (-d, -v): each option belongs to the command that it follows.
  program.enablePositionalOptions();
  const artifact = program
    .command("artifact")
    .description("write, sign, modify, read, validate and take apart Mender Artifacts, and change files in images")
    .addHelpText("after", EXAMPLES);
  registerCommands(artifact, io, (line) => io.out(line));
}

/** @param say takes messages for people about what was written */
export function registerCommands(artifact: Command, io: CliIo, say: (line: string) => void): void {
  artifact.enablePositionalOptions().option(...COMPRESSION_OPTION);
  registerWrite(artifact, io, say);
  registerRead(artifact, io);
  registerValidate(artifact, io);
  registerSign(artifact, io, say);
  registerModify(artifact, io, say);
  registerFiles(artifact, io);
  registerDump(artifact, io);
}

const EXAMPLES = `
Examples:
  switchback artifact write rootfs-image -t board-a -n release-2 -f rootfs.ext4 -o release-2.mender
  switchback artifact sign -k private.pem release-2.mender
  switchback artifact validate -k public.pem release-2.mender
  switchback artifact read --json release-2.mender
  switchback artifact cp hostname release-2.mender:/etc/hostname`;
