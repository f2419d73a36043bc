import type { Command } from "commander";
import type { CliIo } from "../../agent/io.ts";
import { resolvePaths } from "../../config/paths.ts";
import { readGlobalOptions } from "../global-options.ts";

export const register = (program: Command, io: CliIo): void =>
  registerSignal(program, io, "check-update", "make the running daemon poll the server now", "SIGUSR1");

/** Registers a command that only signals the daemon. */
export function registerSignal(
  program: Command,
  io: CliIo,
  name: string,
  description: string,
  signal: "SIGUSR1" | "SIGUSR2",
): void {
  program
    .command(name)
    .description(description)
    .addHelpText(
      "after",
      `\nIt returns immediately. Without a daemon it fails; use 'switchback poll --now' then.\n\nExample:\n  switchback ${name}`,
    )
    .action(async () => {
      const { signalDaemon } = await import("./daemon-process.ts");
      await signalDaemon(resolvePaths(readGlobalOptions(program), io.env), signal);
    });
}
