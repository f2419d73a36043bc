import type { Command } from "commander";
import { PROGRAM } from "../../server/cli/command-line.ts";
import { environmentName, SETTINGS, type Setting } from "../../server/config/settings.ts";
import { commandTree, helpParts, leavesOf, pathOf } from "../lib/command-tree.ts";
import { GENERATED, table } from "./markdown.ts";
import type { Page } from "./page.ts";

/** `docs/reference/server-config.md`: every setting of the server, and every command. */
export async function serverConfigPage(): Promise<Page> {
  const commands = leavesOf(await commandTree(PROGRAM));
  const text = [
    "# Configuration of the server",
    GENERATED("`server/config/settings.ts` and `server/cli/`"),
    "Each setting is an option of `switchback-server start`, a variable of the environment and a key of the YAML file that\n" +
      "you name with `--config` or `SWITCHBACK_CONFIG`. Options win over the environment, and the environment over the file.\n" +
      "`--print-config` prints what holds and where it comes from.",
    "## Settings",
    table(["Key and option", "Variable", "Default", "Meaning"], SETTINGS.map(settingRow)),
    "## Commands",
    ...commands.map(chapter),
    "Next: [Run a server](../guides/server.md)",
  ];
  const path = "docs/reference/server-config.md";
  return { path, rows: SETTINGS.length + commands.length, text: `${text.join("\n\n")}\n` };
}

function settingRow(setting: Setting): readonly string[] {
  const { key, value, doc } = setting;
  const standard = setting.defaultDoc ?? setting.default();
  return [`\`${key}\` \`${value}\``, `\`${environmentName(key)}\``, standard ?? "none", doc];
}

function chapter(command: Command): string {
  const { notes, exits, examples } = helpParts(command);
  const isSetting = (name: string): boolean => SETTINGS.some(({ key }) => `--${key}` === name);
  const own = command.options.filter(({ long }) => long !== undefined && !isSetting(long));
  const settings = command.options.filter(({ long }) => isSetting(long ?? "")).map(({ long }) => `\`${long ?? ""}\``);
  const isStart = command.name() === "start";
  return [
    `### ${pathOf(command)}`,
    `\`${PROGRAM} ${pathOf(command)} ${command.usage()}\`: ${command.description()}.`,
    ...(isStart ? ["It takes all settings."] : [`It takes the settings ${settings.join(", ")}.`]),
    table(
      ["Option", "Meaning"],
      own.map(({ flags, description }) => [`\`${flags}\``, description]),
    ),
    ...notes.map((note) => note.replace(/(?<=^|\s)'([^'\n]+)'/g, "`$1`")),
    ...(exits.length === 0
      ? []
      : [
          table(
            ["Exit status", "Meaning"],
            exits.map((row) => [...row]),
          ),
        ]),
    `\`\`\`text\n${examples.join("\n")}\n\`\`\``,
  ].join("\n\n");
}
