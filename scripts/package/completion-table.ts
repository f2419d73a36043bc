import type { Argument, Command, Option } from "commander";
import { OPAQUE } from "../../src/cli/global-options.ts";
import { commandTree, pathOf, visible } from "../lib/command-tree.ts";

/** What may stand in the place of a value. `text`: nothing that a shell could suggest. */
export type Value = "file" | "folder" | "text" | { readonly words: readonly string[] };

export interface CompletedOption {
  readonly long?: string;
  readonly short?: string;
  readonly description: string;
  /** Absent: the option takes no value. */
  readonly value?: Value;
}

/** What may follow the words `path`. */
export interface CompletedCommand {
  /** Words behind the name of the program, separated by blanks; empty for the program itself. */
  readonly path: string;
  readonly commands: readonly { readonly name: string; readonly description: string }[];
  readonly options: readonly CompletedOption[];
  /** By position. */
  readonly values: readonly Value[];
  /** Whether the last of `values` may be repeated. */
  readonly repeats: boolean;
}

/** Names of values in the help texts that are files or folders. */
const FILES = /^(?:file|path|artifact|image|img|in|out|input|output|adapter|board\.yaml|pem)$/i;
const FOLDERS = /^(?:dir|folder|board)$/i;

/** Everything that shells complete for a program. */
export async function completionTable(name: string): Promise<readonly CompletedCommand[]> {
  const program = await commandTree(name);
  return [program, ...below(program)].map((command) => completed(command, program));
}

const below = (command: Command): readonly Command[] => visible(command).flatMap((each) => [each, ...below(each)]);

function completed(command: Command, program: Command): CompletedCommand {
  const path = pathOf(command);
  const [top = ""] = path.split(" ");
  const inherited = command === program || OPAQUE.has(top) ? [] : shown(program);
  const own = shown(command);
  const isTaken = (option: Option): boolean =>
    own.some(({ long, short }) => long === option.long || (short !== undefined && short === option.short));
  return {
    path,
    commands: visible(command).map((each) => ({ name: each.name(), description: each.description() })),
    options: [...own, ...inherited.filter((option) => !isTaken(option)), HELP].map(described),
    values: command.registeredArguments.map(argumentValue),
    repeats: command.registeredArguments.at(-1)?.variadic === true,
  };
}

const HELP = { long: "--help", short: "-h", description: "display help for command" } as Option;

const shown = ({ options }: Command): readonly Option[] =>
  options.filter(({ hidden, long }) => hidden !== true && long !== "--help");

function described({ long, short, description, required, flags, argChoices }: Option): CompletedOption {
  const [, name = ""] = /<([^>]+)>/.exec(flags ?? "") ?? [];
  return {
    ...(long === undefined || long === null ? {} : { long }),
    ...(short === undefined || short === null ? {} : { short }),
    description,
    ...(required === true ? { value: valueNamed(name, argChoices) } : {}),
  };
}

/** Most arguments without a telling name are files. */
function argumentValue(argument: Argument): Value {
  const value = valueNamed(argument.name(), argument.argChoices);
  return value === "text" ? "file" : value;
}

function valueNamed(name: string, choices: readonly string[] | undefined): Value {
  if (choices !== undefined) return { words: choices };
  const [word = ""] = name.split(/[^\w.]/, 1);
  if (FOLDERS.test(word)) return "folder";
  return FILES.test(word) ? "file" : "text";
}
