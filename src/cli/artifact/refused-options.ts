import { type Command, Option } from "commander";
import { AgentError } from "../../errors/agent-error.ts";

/** Key services that the original calls by itself. Here, a command of the user's does. */
export const KEY_SERVICES: readonly string[] = [
  "--gcp-kms-key <id>",
  "--vault-transit-key <name>",
  "--keyfactor-signserver-worker <name>",
  "--azure-key <name>",
];

/** Known options of mender-artifact that are refused: ignoring them would write a different Artifact than requested. */
export function addRefusedOptions(command: Command, flags: readonly string[]): Command {
  for (const flag of flags) command.addOption(new Option(flag).hideHelp());
  return command;
}

/**
 * @param hint what to use instead
 * @throws {AgentError} OPTION_UNSUPPORTED for the first given option that is in `flags`
 */
export function refuseOptions(
  command: Command,
  flags: readonly string[],
  hint: Readonly<Record<string, string>> = {},
): void {
  const given = command.options.find(
    (option) => flags.includes(option.flags) && command.getOptionValueSource(option.attributeName()) === "cli",
  );
  if (given === undefined) return;
  throw new AgentError("OPTION_UNSUPPORTED", { option: given.long ?? given.flags, ...hint });
}

/** @throws {AgentError} OPTION_UNSUPPORTED */
export function refuseKeyServices(command: Command): void {
  refuseOptions(command, KEY_SERVICES, { instead: "--signer" });
}
