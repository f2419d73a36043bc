import type { Command } from "commander";
import type { CliIo } from "../../agent/io.ts";
import { registerCheck } from "./check-command.ts";
import { registerNew } from "./new-command.ts";

/** `switchback adapter`: for developers who bring their own boot loader, storage or payload type. */
export function register(program: Command, io: CliIo): void {
  const adapter = program
    .command("adapter")
    .description("write and check an adapter for a boot loader, storage or payload type of your own")
    .addHelpText("after", EXAMPLE);
  registerCheck(adapter, io);
  registerNew(adapter, io);
}

const EXAMPLE = `
Examples:
  switchback adapter new bootloader my-board --language sh
  switchback adapter check ./my-board.sh`;
