import { commandsFor } from "../../../src/cli/commands.ts";
import { cli } from "../../support/test-board.ts";

/** Names under which the program answers, with help of its own for each. */
const NAMES = ["switchback", "mender", "mender-update", "mender-auth", "mender-setup", "mender-snapshot"] as const;

/** An example of a help text: the whole line as it is typed, without the comment behind it. */
export interface HelpExample {
  readonly name: (typeof NAMES)[number];
  /** The words of the command whose help it is. */
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

/** Every command of the program, as it is registered: what the walk over the help texts must have come by. */
export const topCommands = (): readonly string[] => Object.keys(commandsFor("switchback"));

/** Lines below a heading that begins with "Example", to the next blank line; a comment behind one is none of it. */
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

/** A line that goes on behind a backslash is one. */
export const joined = (text: string): string => text.replaceAll(/ *\\\n\s*/g, " ");

function subcommandsIn(help: string): readonly string[] {
  const [, list = ""] = /^Commands:\n((?: .*\n?)*)/m.exec(help) ?? [];
  return [...list.matchAll(/^ {2}([a-z][a-z-]*)/gm)].map(([, name = ""]) => name).filter((name) => name !== "help");
}
