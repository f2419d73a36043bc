import { readFile } from "node:fs/promises";
import { joined } from "../../cli/examples/help.ts";

/** What a reader of a guide does: put a file in place, or run a block of shell and compare its output. */
export type Step =
  | { readonly kind: "file"; readonly path: string; readonly text: string }
  | {
      readonly kind: "run";
      readonly key: string;
      readonly text: string;
      readonly exit: number;
      readonly shown?: string;
    };

interface Fence {
  readonly language: string;
  /**
   * What follows the language, which renderers do not show: the name of the file whose content the block is, or
   * `exit=STATUS`.
   */
  readonly note: string;
  readonly text: string;
}

/** All blocks of code of a page. */
export function fencesOf(page: string): readonly Fence[] {
  const found = page.matchAll(/^```(\S*)(?: (\S+))?\n([\s\S]*?)^```$/gm);
  return [...found].map(([, language = "", note = "", text = ""]) => ({ language, note, text }));
}

/** The first line of a block of shell names it; a script has the name of its page. */
export function keyOf(page: string, code: string): string {
  const [line = ""] = joined(code).split("\n");
  return line.startsWith("#!") ? `${page}: script` : line;
}

/**
 * The steps of a guide from top to bottom. A block of `text` is the output of the shell before it. Blocks in other
 * languages are files if a name follows the language, and else only shown.
 */
export async function stepsOf(page: string): Promise<readonly Step[]> {
  const steps: Step[] = [];
  for (const { language, note, text } of fencesOf(await readFile(page, "utf8"))) {
    const last = steps.at(-1);
    const exit = /^exit=(\d+)$/.exec(note)?.[1];
    if (note !== "" && exit === undefined) steps.push({ kind: "file", path: note, text });
    else if (language === "sh") steps.push({ kind: "run", key: keyOf(page, text), text, exit: Number(exit ?? 0) });
    else if (language === "text") {
      if (last?.kind !== "run" || last.shown !== undefined) throw new Error(`${page}: output of no command: ${text}`);
      steps[steps.length - 1] = { ...last, shown: text };
    }
  }
  return steps;
}

/** What differs from one run to the next, and what takes its place on both sides. */
const PASSING: readonly (readonly [RegExp, string])[] = [
  [/\b20\d\d-\d\d-\d\dT[\d:.]+Z/g, "TIME"],
  [/\b\d+(?:\.\d+)? m?s\b/g, "DURATION"],
  [/\b\d+ bytes\b/g, "SIZE"],
  [/free space: [\d.]+ [KMGT]iB/g, "free space: SIZE"],
];

const steady = (text: string): string =>
  PASSING.reduce((done, [pattern, name]) => done.replaceAll(pattern, name), text.trimEnd());

/** An ellipsis on a page stands for any text in a line and, in a line by itself, for any lines. */
export function fitsPage(shown: string, printed: string): boolean {
  const lines = steady(shown)
    .split("\n")
    .map((line) =>
      line === "…"
        ? "(?:.*\n)*"
        : `${line
            .split("…")
            .map((part) => part.replaceAll(/[.*+?^${}()|[\]\\]/g, "\\$&"))
            .join(".*")}\n`,
    );
  return new RegExp(`^${lines.join("")}$`).test(`${steady(printed)}\n`);
}
