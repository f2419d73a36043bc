import { Command, CommanderError, Option } from "commander";
import type { CliIo } from "../../src/agent/io.ts";
import { AgentError, describeError, printable } from "../../src/errors/agent-error.ts";
import { entryOf } from "../../src/errors/catalogue.ts";
import { VERSION } from "../../src/version.ts";
import { registerArtifacts } from "./artifacts.ts";
import { registerDeployments } from "./deployments.ts";
import { registerDevices } from "./devices.ts";
import { registerGroups } from "./groups.ts";
import { registerLogin } from "./login.ts";
import { MENDER_CLI } from "./mender-format.ts";
import { registerTokens, registerUsers } from "./people.ts";
import { registerReleases } from "./releases.ts";
import { registerSimulate } from "./simulate.ts";

/** Name of the operators' command line, which also answers to the name of Mender's. */
export const FLEET = "switchback-fleet";

const eachLine = (text: string, write: (line: string) => void): void => text.trimEnd().split("\n").forEach(write);

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
  for (const command of withAllBelow(program)) {
    command
      .exitOverride()
      .configureOutput({
        writeOut: (text) => eachLine(text, (line) => io.out(line)),
        writeErr: (text) => eachLine(text, (line) => io.err(line)),
        outputError: (text, write) => write(printable(text.trimEnd())),
      })
      .showHelpAfterError("(run with --help for the options)");
  }
  return program;
}

const REGISTER = [
  ...[registerLogin, registerDevices, registerGroups, registerArtifacts, registerReleases],
  ...[registerDeployments, registerUsers, registerTokens, registerSimulate],
];

const withAllBelow = (command: Command): readonly Command[] => [command, ...command.commands.flatMap(withAllBelow)];

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
