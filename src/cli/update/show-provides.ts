import type { Command } from "commander";
import type { CliIo } from "../../agent/io.ts";
import { flatProvides } from "../../core/install/provides.ts";
import { jsonLine } from "../one-line.ts";
import { storedProvides } from "./stored-provides.ts";

export function register(program: Command, io: CliIo): void {
  program
    .command("show-provides")
    .description("print what the device provides: one key=value on each line, sorted by key")
    .option("--json", "print a JSON object")
    .addHelpText(
      "after",
      `
The first equals sign of a line ends the key: an equals sign in a key is printed as \\x3d. Control characters are escaped in
the same way. --json prints keys and values exactly as they are.

Example:
  switchback show-provides | grep rootfs-image.version`,
    )
    .action(async (options: { readonly json?: true }) => {
      const entries = Object.entries(flatProvides(await storedProvides(program, io))).sort(([a], [b]) =>
        a < b ? -1 : 1,
      );
      if (options.json === true) io.out(jsonLine(Object.fromEntries(entries)));
      else for (const [key, value] of entries) io.out(`${shownKey(key)}=${value}`);
    });
}

/** Escapes `=`, because the first `=` of a line ends its key. */
const shownKey = (key: string): string => key.replaceAll("=", "\\x3d");
