import type { Command } from "commander";
import type { CliIo } from "../../agent/io.ts";
import { registerCreate } from "./create-command.ts";

/** `switchback image`: images of disks, on the machine that builds them. */
export function register(program: Command, io: CliIo): void {
  const image = program.command("image").description("create images of disks").addHelpText("after", EXAMPLES);
  registerCreate(image, io);
}

const EXAMPLES = `
Examples:
  switchback image create board.yaml --rootfs rootfs.tar --output disk.img`;
