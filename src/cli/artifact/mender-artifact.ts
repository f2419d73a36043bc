import { Command, CommanderError } from "commander";
import type { CliIo } from "../../agent/io.ts";
import { AgentError, describeError } from "../../errors/agent-error.ts";
import { VERSION } from "../../version.ts";
import { truthOf } from "../client-arguments.ts";
import { registerCommands } from "./artifact-command.ts";

/**
 * Behaves like `mender-artifact` 3.9: its commands, its flags in Go's syntax, and its exit statuses. One exception: if
 * the original exits with 0 after a failure, this tool exits with 1, because a build must stop there.
 */
export async function runMenderArtifact(argv: readonly string[], io: CliIo): Promise<void> {
  const tool = new Command("mender-artifact")
    .description("Writes, signs, modifies, reads and validates Mender Artifacts.")
    .version(`mender-artifact version ${VERSION}`, "-v, --version")
    .exitOverride()
    .configureOutput({ writeOut: (text) => io.out(asTool(text)), writeErr: (text) => io.err(asTool(text)) })
    .showHelpAfterError("(run with --help for the options)");
  // The original prints no such messages on standard output, and a script may parse that.
  registerCommands(tool, io, (line) => io.err(line));
  const { words, isComplete } = goArguments(tool, argv);
  try {
    await tool.parseAsync(isComplete ? words : [...words, "--help"], { from: "user" });
  } catch (error) {
    io.exitCode = exitStatus(error, words, io);
  }
}

const asTool = (text: string): string => text.trimEnd().replaceAll("switchback artifact", "mender-artifact");

interface GoArguments {
  readonly words: readonly string[];
  /** Whether there is a command, or an option that needs none. The original prints its help otherwise. */
  readonly isComplete: boolean;
}

/** Turns Go's syntax into ours: long options with a single dash, `-o=FILE`, `--switch=false`. */
function goArguments(tool: Command, argv: readonly string[]): GoArguments {
  const words: string[] = [];
  let command = tool;
  let isComplete = false;
  for (let at = 0; at < argv.length; at++) {
    const arg = argv[at] ?? "";
    if (arg === "--") return { words: [...words, ...argv.slice(at)], isComplete: true };
    const [, name, value] = /^--?([^-=][^=]*)(?:=(.*))?$/s.exec(arg) ?? [];
    const flag = name?.length === 1 ? `-${name}` : `--${name}`;
    const option = command.options.find(({ short, long }) => short === flag || long === flag);
    if (name === undefined) {
      const found = command.commands.find((known) => known.name() === arg);
      command = found ?? command;
      isComplete = found === undefined || found.commands.length === 0;
      words.push(arg);
    } else if (option?.required === true) {
      words.push(flag, ...(value === undefined ? argv.slice(at + 1, ++at + 1) : [value]));
    } else if (value === undefined && (option !== undefined || flag === "--help")) words.push(flag);
    else if (option === undefined || truthOf(value ?? "") === undefined) {
      isComplete = true;
      words.push(arg);
    } else if (truthOf(value ?? "") === true) words.push(flag);
  }
  const isAsked = words.some((word) => ["-h", "--help", "help", "-v", "--version"].includes(word));
  return { words, isComplete: isComplete || isAsked };
}

/** Exit statuses of the original. */
const NOT_OPENED = 3;
const NOT_VALID = 4;
const NOT_CREATED = 2;
const NO_SUCH_COMMAND = 3;

function exitStatus(error: unknown, words: readonly string[], io: CliIo): number {
  if (error instanceof CommanderError) {
    if (error.code === "commander.unknownCommand") return NO_SUCH_COMMAND;
    return error.exitCode === 0 ? 0 : 1;
  }
  if (!(error instanceof AgentError)) throw error;
  io.err(describeError(error));
  const { code, cause } = error;
  const reads = words.includes("validate") || words.includes("read");
  if (code === "OUTPUT_FAILED" && words.includes("write")) return NOT_CREATED;
  const isUnopened = cause instanceof Error && "syscall" in cause && cause.syscall === "open";
  if (code === "ARTIFACT_READ" && isUnopened && reads) return NOT_OPENED;
  return words.includes("validate") && !/^(?:KEY|OPTION)_/.test(code) ? NOT_VALID : 1;
}
