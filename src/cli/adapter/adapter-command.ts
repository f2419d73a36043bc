import type { Command } from "commander";
import type { CliIo } from "../io.ts";
import { registerCheck } from "./check-command.ts";
import { registerNew } from "./new-command.ts";

/** `switchback adapter`: for those who bring a boot loader or storage of their own. */
export function register(program: Command, io: CliIo): void {
  const adapter = program
    .command("adapter")
    .description(
      "write an adapter for a board's own boot loader or storage, and check it against what is promised of one",
    )
    .addHelpText("after", EXAMPLE);
  registerCheck(adapter, io);
  registerNew(adapter, io);
}

const EXAMPLE = `
Examples:
  switchback adapter new bootloader my-board --language sh
  switchback adapter check ./my-board.sh`;
