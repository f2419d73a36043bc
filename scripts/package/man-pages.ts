import type { Argument, Command, Option } from "commander";
import { commandTree, helpParts, nameInHelp, pathOf, visible } from "../lib/command-tree.ts";
import type { GeneratedFile } from "./completions.ts";
import { bold, definition, example, header, paragraphs, section, text } from "./roff.ts";

/** What the pages say besides the help texts. */
export interface Edition {
  readonly version: string;
  /** Time of the source in seconds since 1970: the time of this run would make each build another one. */
  readonly epoch: number;
}

/**
 * Manual pages of the given programs, one for each command and subcommand, such as `switchback-install(1)`. Made from
 * the commands' own help: the same commands and edition give the same bytes.
 *
 * @param names under which the program is installed, such as `switchback` and `mender-artifact`
 */
export async function manPages(names: readonly string[], edition: Edition): Promise<readonly GeneratedFile[]> {
  const pages = await Promise.all(
    names.map(async (name) => {
      const program = await commandTree(name);
      return [program, ...below(program)].map((command) => ({
        path: `/usr/share/man/man1/${pageName(name, command)}.1`,
        content: page(name, command, edition),
      }));
    }),
  );
  return pages.flat();
}

const below = (command: Command): readonly Command[] => visible(command).flatMap((each) => [each, ...below(each)]);

const pageName = (program: string, command: Command): string =>
  [program, ...pathOf(command).split(" ")].filter((word) => word !== "").join("-");

const wordsOf = (program: string, command: Command): string => `${program} ${pathOf(command)}`.trim();

function page(program: string, command: Command, { version, epoch }: Edition): string {
  const name = pageName(program, command);
  const { notes, exits, examples } = helpParts(command);
  const inOwnName = (line: string): string => line.replaceAll(new RegExp(`\\b${nameInHelp(program)}\\b`, "g"), program);
  const options = command.options.filter(({ hidden }) => hidden !== true);
  const description = command.description().replace(/\.$/, "");
  return [
    header(name, epoch, version),
    section("NAME"),
    `${text(name)} \\- ${text(description)}`,
    section("SYNOPSIS"),
    `${bold(wordsOf(program, command))} ${text(command.usage())}`,
    ...(notes.length === 0 ? [] : [section("DESCRIPTION"), paragraphs(notes.map(inOwnName))]),
    ...(command.commands.length === 0
      ? []
      : [section("COMMANDS"), ...visible(command).map((each) => row(program, each))]),
    ...(command.registeredArguments.length === 0
      ? []
      : [section("ARGUMENTS"), ...command.registeredArguments.map(argumentRow)]),
    ...(options.length === 0 ? [] : [section("OPTIONS"), ...options.map(option)]),
    section("EXIT STATUS"),
    ...(exits.length === 0 ? EXITS : exits).map(([status, meaning]) => definition(bold(status), meaning)),
    ...(examples.length === 0 ? [] : [section("EXAMPLES"), example(examples.map(inOwnName).join("\n"))]),
    ...seeAlso(program, command),
    "",
  ].join("\n");
}

const EXITS = [
  ["0", "The command succeeded."],
  ["1", "The command failed, or the command line is not valid. It prints one line with a code on standard error."],
] as const;

const row = (program: string, command: Command): string =>
  definition(`${bold(pageName(program, command))}(1)`, `${command.description()}.`);

function argumentRow(argument: Argument): string {
  const shown = argument.required ? `<${argument.name()}>` : `[${argument.name()}]`;
  return definition(bold(shown), [argument.description, ...oneOf(argument.argChoices)].join("; "));
}

const option = ({ flags, description, argChoices, defaultValue, negate }: Option): string =>
  definition(
    bold(flags),
    [
      description,
      ...oneOf(argChoices),
      ...(negate || defaultValue === undefined || Array.isArray(defaultValue)
        ? []
        : [`default: ${String(defaultValue)}`]),
    ].join("; "),
  );

const oneOf = (choices: readonly string[] | undefined): readonly string[] =>
  choices === undefined ? [] : [`one of ${choices.join(", ")}`];

/** The page above, and the pages beside this one are listed there. */
function seeAlso(program: string, command: Command): readonly string[] {
  const { parent } = command;
  if (parent === null) return [];
  return [section("SEE ALSO"), `${bold(pageName(program, parent))}(1)`];
}
