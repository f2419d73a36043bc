import type { Command } from "commander";
import { flatProvides } from "../core/install/provides.ts";
import { printable } from "../errors/agent-error.ts";
import type { CliIo } from "./io.ts";
import { storedProvides } from "./stored-provides.ts";

export function register(program: Command, io: CliIo): void {
  program
    .command("show-provides")
    .description("print what the device provides, one key=value a line, sorted by key")
    .option("--json", "print a JSON object")
    .addHelpText("after", "\nExample:\n  switchback show-provides | grep rootfs-image.version")
    .action(async (options: { readonly json?: true }) => {
      const entries = Object.entries(flatProvides(await storedProvides(program, io))).sort(([a], [b]) =>
        a < b ? -1 : 1,
      );
      if (options.json === true) io.out(JSON.stringify(Object.fromEntries(entries)));
      else for (const [key, value] of entries) io.out(printable(`${key}=${value}`));
    });
}
