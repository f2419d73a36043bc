import { Command, CommanderError, Option } from "commander";
import type { CliIo } from "../../src/agent/io.ts";
import { AgentError, describeError } from "../../src/errors/agent-error.ts";
import { entryOf } from "../../src/errors/catalogue.ts";
import { printAlike } from "../../src/util/print-alike.ts";
import { VERSION } from "../../src/version.ts";
import { registerArtifacts } from "./artifacts.ts";
import { registerAudit } from "./audit.ts";
import { registerChannels, registerKeys } from "./channels.ts";
import { registerDeployments } from "./deployments.ts";
import { registerDevices } from "./devices.ts";
import { registerEnrolment } from "./enrolment.ts";
import { registerEvents } from "./events.ts";
import { registerGroups } from "./groups.ts";
import { registerLogin } from "./login.ts";
import { MENDER_CLI } from "./mender-format.ts";
import { registerPasswords } from "./passwords.ts";
import { registerTokens, registerUsers } from "./people.ts";
import { registerProviders } from "./providers.ts";
import { registerReleases } from "./releases.ts";
import { registerRoles } from "./roles.ts";
import { registerRollouts } from "./rollouts.ts";
import { registerSecondFactor } from "./second-factor.ts";
import { registerSessions } from "./sessions.ts";
import { registerSimulate } from "./simulate.ts";
import { registerWebhooks } from "./webhooks.ts";

/** Name of the operators' command line, which also answers to the name of Mender's. */
export const FLEET = "switchback-fleet";

/** The command line of operators. */
export function commandLine(io: CliIo, name: string = FLEET): Command {
  const program = new Command(name)
    .description("Works with a Switchback server: devices, releases and deployments.")
    .version(VERSION, name === FLEET ? "-v, --version" : "--version")
    .option("--server <url>", "address of the server; default: SWITCHBACK_SERVER, else that of the last login")
    .option("--token <file>", "file with the token; default: that of the last login")
    .option("--token-value <token>", "the token itself; default: SWITCHBACK_TOKEN")
    .option("--ca <file>", "certificate authority of the server; default: SWITCHBACK_CA")
    .option("-k, --skip-verify", "do not verify the server's certificate")
    .option("--json", "print JSON instead of tables");
  if (name !== FLEET) program.addOption(new Option("-v, --verbose").hideHelp());
  for (const register of REGISTER) register(program, io);
  printAlike(program, io);
  return program;
}

const REGISTER = [
  ...[
    registerLogin,
    registerDevices,
    registerGroups,
    registerArtifacts,
    registerReleases,
    registerChannels,
    registerKeys,
  ],
  ...[registerDeployments, registerRollouts, registerUsers, registerRoles],
  ...[registerTokens, registerSessions, registerSecondFactor, registerProviders, registerPasswords],
  ...[registerEnrolment, registerAudit, registerEvents, registerWebhooks, registerSimulate],
];

/** Runs one command line, and leaves its exit status in `io`. */
export async function runCommandLine(argv: readonly string[], io: CliIo, name?: string): Promise<void> {
  try {
    await commandLine(io, name).parseAsync([...argv], { from: "user" });
  } catch (error) {
    if (error instanceof CommanderError) io.exitCode = error.exitCode === 0 ? 0 : 1;
    else if (error instanceof AgentError) {
      const failed = name === MENDER_CLI ? `FAILURE: ${describeError(error)}` : describeError(error);
      io.err(error.code === "CANCELLED" ? "Interrupted." : failed);
      io.exitCode = entryOf(error.code).exit ?? 1;
    } else throw error;
  }
}
