import { commandsFor } from "../../../src/cli/commands.ts";
import { cli } from "../../support/test-board.ts";

/** Names under which the program runs; each has separate help texts. */
const NAMES = ["switchback", "mender", "mender-update", "mender-auth", "mender-setup", "mender-snapshot"] as const;

/** An example of a help text: the whole line as a user types it, without the comment at its end. */
export interface HelpExample {
  readonly name: (typeof NAMES)[number];
  /** The words of the command to which the help belongs. */
  readonly of: string;
  readonly line: string;
}

/** Every example of every help text under every name. */
export async function helpExamples(): Promise<readonly HelpExample[]> {
  const found: HelpExample[] = [];
  const look = async (name: HelpExample["name"], words: readonly string[]): Promise<void> => {
    const help = (await cli(name, [...words, "--help"])).out.join("\n");
    for (const line of examplesIn(help)) found.push({ name, of: [name, ...words].join(" "), line });
    for (const command of subcommandsIn(help)) await look(name, [...words, command]);
  };
  for (const name of NAMES) await look(name, []);
  return found;
}

/** Every registered command of the program: the walk over the help texts must visit all of them. */
export const topCommands = (): readonly string[] => Object.keys(commandsFor("switchback"));

/** Lines from a heading that begins with "Example" to the next blank line, without the comments at their ends. */
function examplesIn(help: string): readonly string[] {
  const [, ...sections] = help.split(/^Example[^\n]*(?:\n\S[^\n]*)*\n(?= {2})/m);
  return sections.flatMap((section) => {
    const [lines = ""] = section.split(/\n(?=\n|\S)/, 1);
    return joined(lines)
      .split("\n")
      .map((line) => line.replace(/ {2,}# .*$/, "").trim())
      .filter((line) => line !== "");
  });
}

/** A backslash at the end of a line joins it with the next line. */
export const joined = (text: string): string => text.replaceAll(/ *\\\n\s*/g, " ");

function subcommandsIn(help: string): readonly string[] {
  const [, list = ""] = /^Commands:\n((?: .*\n?)*)/m.exec(help) ?? [];
  return [...list.matchAll(/^ {2}([a-z][a-z-]*)/gm)].map(([, name = ""]) => name).filter((name) => name !== "help");
}
