import type { Command } from "commander";
import type { DoctorOptions } from "./doctor-action.ts";
import { readGlobalOptions } from "./global-options.ts";
import type { CliIo } from "./io.ts";

export function register(program: Command, io: CliIo): void {
  program
    .command("doctor")
    .description("tell what keeps this device from being updated; changes nothing")
    .option("--json", "print one JSON object")
    .addHelpText("after", EXAMPLES)
    .action(async (options: DoctorOptions) => {
      const { doctor } = await import("./doctor-action.ts");
      await doctor(readGlobalOptions(program), options, io);
    });
}

const EXAMPLES = `
Each line says what was looked at. Exit status: 0 if an update could be installed and rolled back, else 1.

Examples:
  switchback doctor
  switchback doctor --json | jq -r '.findings[] | select(.level == "wrong") | .advice'
  switchback -c board/etc/mender.conf -d board/data doctor`;
