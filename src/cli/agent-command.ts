import type { Command } from "commander";
import type { Agent } from "../compose.ts";
import { type GlobalOptions, readGlobalOptions } from "./global-options.ts";
import type { CliIo } from "./io.ts";

/** Composes the agent as the options in front of the command say. */
export async function agentFor(program: Command, io: CliIo): Promise<Agent> {
  const options: GlobalOptions = readGlobalOptions(program);
  const { composeAgent } = await import("../compose.ts");
  return composeAgent(options, io);
}
