import type { Command } from "commander";
import type { CliIo } from "../../agent/io.ts";
import { jsonLine } from "../one-line.ts";
import { storedProvides } from "./stored-provides.ts";

export function register(program: Command, io: CliIo): void {
  program
    .command("show-artifact")
    .description("print the name of the Artifact that is installed")
    .option("--json", "print a JSON object")
    .addHelpText("after", "\nExample:\n  switchback show-artifact")
    .action(async (options: { readonly json?: true }) => {
      const { name } = await storedProvides(program, io);
      const shown = name === undefined || name === "" ? "unknown" : name;
      io.out(options.json === true ? jsonLine({ artifact_name: shown }) : shown);
    });
}
