import type { Command } from "commander";
import { STOP_BEFORE, type StopBefore } from "../../core/deployment/stop-before.ts";
import type { StateName } from "../../core/deployment/table.ts";
import { AgentError } from "../../errors/agent-error.ts";

export interface RunOptions {
  readonly stopBefore?: readonly StateName[];
  readonly rebootExitCode?: true;
  readonly json?: true;
}

export function addRunOptions(command: Command): Command {
  return command
    .option("--json", "print one JSON object instead of lines")
    .option(
      "--stop-before <state>",
      `stop before this state (repeatable): ${Object.keys(STOP_BEFORE).join(", ")}`,
      (name: string, before: readonly StateName[] = []) => [...before, stateOf(name)],
    );
}

export const stopBefore = (options: RunOptions): ReadonlySet<StateName> => new Set(options.stopBefore);

/** @throws {AgentError} CLI_USAGE if the agent cannot stop before the state */
function stateOf(name: string): StateName {
  if (!Object.hasOwn(STOP_BEFORE, name)) {
    const known = Object.keys(STOP_BEFORE).join(",");
    throw new AgentError("CLI_USAGE", { option: "--stop-before", value: name, known });
  }
  return STOP_BEFORE[name as StopBefore];
}
