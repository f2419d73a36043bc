import type { Command, Option } from "commander";
import { commandTree, helpParts, leavesOf, PROGRAM as NAME, pathOf } from "../lib/command-tree.ts";
import { GENERATED, table } from "./markdown.ts";
import type { Page } from "./page.ts";

/** `docs/reference/cli.md`: every command, from its `--help`. */
export async function cliPage(): Promise<Page> {
  const program = await commandTree(NAME);
  const commands = program.commands.flatMap((command) => leavesOf(command));
  const chapters = commands.map((command) => commandChapter(command, NAME));
  const text = [
    "# Command line",
    GENERATED("the commands in `src/cli/`"),
    "This page lists every command of `switchback` with its options. `switchback COMMAND --help` prints the same text. Under\n" +
      "the name of a Mender program, such as `mender-update`, the program has the commands and options of that program:\n" +
      "[compatibility](../compatibility.md#names-under-which-the-program-answers) lists them.",
    "Commands print results on standard output. Log and errors go to standard error. With `--json`, the result is one JSON\n" +
      "object. A command that fails prints one line with a [code](errors.md).",
    table(["Command", "What it does"], commands.map(indexRow)),
    "## Options for all commands",
    "These options can stand before or after the command. After `artifact`, `board` and `yocto` they do not apply, because\n" +
      "these commands use the same letters for other options.",
    table(["Option", "Meaning"], optionRows(program)),
    "## Exit statuses",
    table(["Exit status", "Meaning"], COMMON_EXITS),
    "A command without a table of its own exits with 0 or 1.",
    ...chapters,
    "Next: [Error codes](errors.md)",
  ];
  return { path: "docs/reference/cli.md", rows: chapters.length, text: `${text.join("\n\n")}\n` };
}

const COMMON_EXITS = [
  ["0", "The command succeeded."],
  ["1", "The command failed, or the command line is not valid."],
  ["2", "No update is in progress."],
  ["4", "The device needs a reboot."],
  ["78", "The daemon refuses the configuration."],
] as const;

export function indexRow(command: Command): readonly string[] {
  const path = pathOf(command);
  return [`[\`${path}\`](#${path.replaceAll(" ", "-")})`, marked(sentence(command.description()))];
}

/** What a page says of one command of a program. */
export function commandChapter(command: Command, program: string): string {
  const path = pathOf(command);
  const { notes, exits, examples } = helpParts(command);
  if (command.description() === "" || examples.length === 0) {
    throw new Error(`${path} needs a description and an example in its help text`);
  }
  const rows = [...argumentRows(command), ...optionRows(command)];
  return [
    `## ${path}`,
    sentence(command.description()),
    `\`\`\`text\n${program} ${path} ${command.usage()}\n\`\`\``,
    ...(rows.length === 0 ? [] : [table(["Argument or option", "Meaning"], rows)]),
    ...notes.map(marked),
    ...(exits.length === 0
      ? []
      : [
          table(
            ["Exit status", "Meaning"],
            exits.map(([status, meaning]) => [status, marked(meaning)]),
          ),
        ]),
    `\`\`\`sh\n${examples.join("\n")}\n\`\`\``,
  ].join("\n\n");
}

const sentence = (text: string): string => `${text.slice(0, 1).toUpperCase()}${text.slice(1)}.`;

const argumentRows = ({ registeredArguments }: Command): readonly (readonly string[])[] =>
  registeredArguments.map((argument) => [
    `\`${argument.required ? `<${argument.name()}>` : `[${argument.name()}]`}\``,
    [argument.description, ...choices(argument.argChoices)].join("; "),
  ]);

export const optionRows = ({ options }: Command): readonly (readonly string[])[] =>
  options
    .filter(({ hidden, short }) => !hidden && short !== "-h")
    .map((option) => [
      `\`${option.flags}\``,
      [option.description, ...choices(option.argChoices), ...standard(option)].join("; "),
    ]);

const choices = (all: readonly string[] | undefined): readonly string[] =>
  all === undefined ? [] : [`one of ${all.map((each) => `\`${each}\``).join(", ")}`];

/** Says nothing for `--no-…`, which is on by default. */
const standard = ({ defaultValue, negate }: Option): readonly string[] =>
  negate || defaultValue === undefined || defaultValue === "" || Array.isArray(defaultValue)
    ? []
    : [`default: \`${String(defaultValue)}\``];

/** Help texts have no markup. Escapes them for a page, and turns what they quote into code. */
const marked = (text: string): string =>
  text.replace(/[\\<*]/g, "\\$&").replace(/(?<=^|[\s(])'([^'\n]+)'(?=[\s,.;)]|$)/gm, "`$1`");
