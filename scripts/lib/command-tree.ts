import { Command } from "commander";
import { FLEET, commandLine as fleetCommandLine } from "../../fleet/cli/command-line.ts";
import { MENDER_CLI } from "../../fleet/cli/mender-format.ts";
import { commandLine } from "../../qemu/cli/command-line.ts";
import { PROGRAM as SERVER, commandLine as serverCommandLine } from "../../server/cli/command-line.ts";
import type { ServerIo } from "../../server/cli/io.ts";
import type { CliIo } from "../../src/agent/io.ts";
import { commandsFor } from "../../src/cli/commands.ts";
import { addGlobalOptions } from "../../src/cli/global-options.ts";

/** Name of the program with all commands. */
export const PROGRAM = "switchback";

/** Names for one command of `switchback` with its subcommands. */
const OF_ONE_COMMAND: Readonly<Record<string, string>> = {
  "mender-artifact": "artifact",
  "switchback-artifact": "artifact",
  "switchback-image": "image",
};

/** The program that tries images under QEMU, which has commands of its own. */
const HARNESS = "switchback-qemu";

/** Programs with commands of their own. */
const OTHERS: ReadonlySet<string> = new Set([HARNESS, SERVER, FLEET, MENDER_CLI]);

/** How help texts call the program: `mender-artifact` is what they call `switchback artifact`. */
export function nameInHelp(name: string): string {
  if (OTHERS.has(name)) return name;
  return Object.hasOwn(OF_ONE_COMMAND, name) ? `${PROGRAM} ${OF_ONE_COMMAND[name]}` : PROGRAM;
}

/** The commands are only described; none runs. */
const NO_IO: CliIo = {
  out: () => undefined,
  outPart: () => undefined,
  err: () => undefined,
  errRaw: () => undefined,
  stderrIsTerminal: false,
  env: {},
  signal: new AbortController().signal,
  commandLine: [],
  exitCode: 0,
};

const NO_SERVER_IO: ServerIo = {
  out: () => undefined,
  err: () => undefined,
  environment: {},
  logTo: { write: () => undefined },
  onSignal: () => undefined,
  exit: () => undefined,
  exitCode: 0,
};

/** Every command under the name by which the program is called. */
export async function commandTree(name: string): Promise<Command> {
  if (name === HARNESS) return commandLine(NO_IO);
  if (name === SERVER) return serverCommandLine(NO_SERVER_IO);
  if (name === FLEET || name === MENDER_CLI) return fleetCommandLine(NO_IO, name);
  const program = new Command(name).description("Over-the-air updates for embedded Linux that survive a power cut");
  addGlobalOptions(program);
  for (const load of Object.values(commandsFor(name))) (await load()).register(program, NO_IO);
  const only = Object.hasOwn(OF_ONE_COMMAND, name) ? OF_ONE_COMMAND[name] : undefined;
  if (only === undefined) return program;
  const command = program.commands.find((each) => each.name() === only);
  if (command === undefined) throw new Error(`${name}: there is no command ${only}`);
  command.parent = null;
  return command.name(name);
}

/** The commands that do something, without those that only group others. */
export const leavesOf = (command: Command): readonly Command[] =>
  command.commands.length === 0 ? [command] : visible(command).flatMap(leavesOf);

/** Subcommands that the help lists. */
export const visible = (command: Command): readonly Command[] =>
  command
    .createHelp()
    .visibleCommands(command)
    .filter((each) => each.name() !== "help");

/** The words behind the name of the program: `artifact write rootfs-image`. */
export function pathOf(command: Command): string {
  const above = command.parent;
  if (above === null) return "";
  const path = pathOf(above);
  return path === "" ? command.name() : `${path} ${command.name()}`;
}

/** The parts of what `--help` prints after the options. */
export interface HelpParts {
  readonly notes: readonly string[];
  readonly exits: readonly (readonly [status: string, meaning: string])[];
  readonly examples: readonly string[];
}

export function helpParts(command: Command): HelpParts {
  const whole: string[] = [];
  command.configureOutput({ writeOut: (text) => void whole.push(text) });
  command.outputHelp();
  const text = whole.join("").slice(command.helpInformation().length);
  const blocks = text.split(/\n{2,}/).map((block) => block.replace(/^\n+|\n+$/g, ""));
  return {
    notes: blocks.filter((block) => block !== "" && !/^(?:Exit status|Example)/.test(block)),
    exits: blocks.filter((block) => block.startsWith("Exit status")).flatMap(exitRows),
    examples: blocks.filter((block) => block.startsWith("Example")).flatMap(exampleLines),
  };
}

function exitRows(block: string): readonly (readonly [string, string])[] {
  const rows = [...block.matchAll(/^ {2}(\d+) {2}(.+)$/gm)].map(
    ([, status = "", meaning = ""]) => [status, meaning] as const,
  );
  if (rows.length === 0) throw new Error(`cannot read these exit statuses: ${block}`);
  return rows;
}

const exampleLines = (block: string): readonly string[] =>
  block
    .split("\n")
    .slice(1)
    .map((line) => line.replace(/^ {2}/, ""));
