import type { Command } from "commander";
import { AgentError } from "../../errors/agent-error.ts";

/** @throws {AgentError} OPTION_UNSUPPORTED for the first given option that is in `flags` */
export function refuseOptions(command: Command, flags: readonly string[]): void {
  const given = command.options.find(
    (option) => flags.includes(option.flags) && command.getOptionValueSource(option.attributeName()) === "cli",
  );
  if (given !== undefined) throw new AgentError("OPTION_UNSUPPORTED", { option: given.long ?? given.flags });
}
