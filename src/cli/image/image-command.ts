import type { Command } from "commander";
import type { CliIo } from "../../agent/io.ts";
import { registerConvert } from "./convert-command.ts";
import { registerCreate } from "./create-command.ts";
import { registerInspect } from "./inspect-command.ts";

/** `switchback image`: images of disks, on the machine that builds them. */
export function register(program: Command, io: CliIo): void {
  const image = program
    .command("image")
    .description("create, inspect and convert images of disks")
    .addHelpText("after", EXAMPLES);
  registerCreate(image, io);
  registerInspect(image, io);
  registerConvert(image, io);
}

const EXAMPLES = `
Examples:
  switchback image create board.yaml --rootfs rootfs.tar --output disk.img
  switchback image inspect disk.img
  switchback image convert debian.img --board pc.yaml --output disk.img`;
