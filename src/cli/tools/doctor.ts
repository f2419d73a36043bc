import type { Command } from "commander";
import type { CliIo } from "../../agent/io.ts";
import { readGlobalOptions } from "../global-options.ts";
import type { DoctorOptions } from "./doctor-action.ts";

export function register(program: Command, io: CliIo): void {
  program
    .command("doctor")
    .description("report what prevents updates of this device, and change nothing")
    .option("--json", "print one JSON object")
    .addHelpText("after", EXAMPLES)
    .action(async (options: DoctorOptions) => {
      const { doctor } = await import("./doctor-action.ts");
      await doctor(readGlobalOptions(program), options, io);
    });
}

const EXAMPLES = `
Each line names the part that was examined. A line below each problem says what to do.

Exit status:
  0  the device can install an update and roll it back
  1  something is wrong

Examples:
  switchback doctor
  switchback doctor --json | jq -r '.findings[] | select(.level == "wrong") | .advice'
  switchback -c board/etc/mender.conf -d board/data doctor`;
