import { Command, CommanderError } from "commander";
import type { CliIo } from "../agent/io.ts";
import { AgentError, describeError, printable } from "../errors/agent-error.ts";
import { entryOf } from "../errors/catalogue.ts";
import { VERSION } from "../version.ts";
import { commandsFor, isClientName } from "./commands.ts";
import { addGlobalOptions, splitArguments } from "./global-options.ts";

/**
 * Runs one command line and leaves its exit status in `io`. Loads only the module of the called command, or all of them
 * for the help text.
 *
 * @param name by which the program was called: `switchback`, a name of the reference client, or `switchback-artifact`,
 *   which is `switchback artifact`
 */
export async function run(name: string, argv: readonly string[], io: CliIo): Promise<void> {
  if (name === "mender-artifact") {
    const { runMenderArtifact } = await import("./artifact/mender-artifact.ts");
    return await runMenderArtifact(argv, io);
  }
  const group = /^switchback-(artifact|image)$/.exec(name)?.[1];
  if (group !== undefined) return await run("switchback", [group, ...argv], io);
  const { globals, command, rest } = splitArguments(await ourArguments(name, argv));
  const program = new Command(printable(name))
    .description("Over-the-air updates for embedded Linux that survive a power cut at any instant.")
    .version(VERSION, "-v, --version")
    .enablePositionalOptions()
    .exitOverride()
    .configureOutput({
      writeOut: (text) => eachLine(text, (line) => io.out(line)),
      writeErr: (text) => eachLine(text, (line) => io.err(line)),
      outputError: (text, write) => write(usageError(text)),
    })
    .showHelpAfterError("(run with --help for the options)");
  addGlobalOptions(program);

  const commands = commandsFor(name);
  const wanted = command === undefined ? undefined : commands[command];
  if (wanted === undefined) program.addHelpText("after", (await import("./run-examples.ts")).examplesFor(name));
  const asksVersion = globals.includes("-v") || globals.includes("--version");
  const modules = wanted === undefined ? Object.values(asksVersion ? {} : commands) : [wanted];
  for (const load of modules) (await load()).register(program, io);
  inheritSettings(program, program);

  try {
    await program.parseAsync([...globals, ...(command === undefined ? [] : [command]), ...rest], { from: "user" });
  } catch (error) {
    io.exitCode = failed(error, io);
  }
  if (io.hasLostResults === true && io.exitCode === 0 && !CHANGES_DEVICE.has(command ?? "")) io.exitCode = 1;
}

/** Their exit status tells what happened to the device, even if their output was lost. */
const CHANGES_DEVICE: ReadonlySet<string> = new Set([
  "install",
  "commit",
  "rollback",
  "resume",
  "bootstrap",
  "setup",
  "takeover",
  "daemon",
  "poll",
]);

const eachLine = (text: string, write: (line: string) => void): void => text.trimEnd().split("\n").forEach(write);

/** Escapes the user's input to keep it on one line. Commander adds its own hint on a second line. */
function usageError(text: string): string {
  const [, message = text, hint = ""] = /^(.*?)(\n\(Did you mean [^\n]*\?\))?\n?$/s.exec(text) ?? [];
  return `${printable(message)}${hint}`;
}

/** The reference clients take options in Go's syntax, and some of their programs need no command name. */
const ourArguments = async (name: string, argv: readonly string[]): Promise<readonly string[]> =>
  isClientName(name) ? (await import("./client-arguments.ts")).fromClient(name, argv) : argv;

/** Commander copies settings only to sub-commands that it creates itself, but our modules may add ready-made ones. */
function inheritSettings(from: Command, root: Command): void {
  for (const command of from.commands) {
    command.copyInheritedSettings(root);
    inheritSettings(command, root);
  }
}

function failed(error: unknown, io: CliIo): number {
  if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 1;
  if (!(error instanceof AgentError)) throw error;
  io.err(`Could not fulfill request: ${describeError(error)}`);
  return entryOf(error.code).exit ?? 1;
}
