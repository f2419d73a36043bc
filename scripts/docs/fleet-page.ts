import { FLEET } from "../../fleet/cli/command-line.ts";
import { commandTree, leavesOf } from "../lib/command-tree.ts";
import { commandChapter, indexRow, optionRows } from "./cli-page.ts";
import { GENERATED, table } from "./markdown.ts";
import type { Page } from "./page.ts";

/** `docs/reference/fleet.md`: every command of operators, from its `--help`. */
export async function fleetPage(): Promise<Page> {
  const program = await commandTree(FLEET);
  const commands = program.commands.flatMap((command) => leavesOf(command));
  const text = [
    "# Command line of operators",
    GENERATED("the commands in `fleet/cli/`"),
    "`switchback-fleet` works with a [server](../guides/server.md) from any machine. Under the name `mender-cli`, the program\n" +
      "has the same commands and keeps its login in the same file, so the two programs can share a login.",
    "Results go to standard output: ids of what was made, tables, or JSON with `--json`. Everything else goes to standard\n" +
      "error. A command that fails prints one line with a [code](errors.md).",
    table(["Command", "What it does"], commands.map(indexRow)),
    "## Options for all commands",
    table(["Option", "Meaning"], optionRows(program)),
    "## Exit statuses",
    table(
      ["Exit status", "Meaning"],
      [
        ["0", "The command succeeded."],
        ["1", "The command failed, or the command line is not valid."],
      ],
    ),
    ...commands.map((command) => commandChapter(command, FLEET)),
    "Next: [Run a server](../guides/server.md)",
  ];
  return { path: "docs/reference/fleet.md", rows: commands.length, text: `${text.join("\n\n")}\n` };
}
