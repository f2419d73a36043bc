import type { CompletedCommand, CompletedOption, Value } from "./completion-table.ts";

/** Quotes text for bash and zsh. */
export const quoted = (text: string): string => `'${text.replaceAll("'", `'\\''`)}'`;

/** How the scripts for bash and zsh call a value: `file`, `folder`, `text`, or `words A B`. */
const kindOf = (value: Value): string => (typeof value === "string" ? value : `words ${value.words.join(" ")}`);

export const spellings = ({ long, short }: CompletedOption): readonly string[] =>
  [short, long].flatMap((spelling) => (spelling === undefined ? [] : [spelling]));

/** A name for the functions of a program. */
export const functionName = (program: string): string => `_${program.replaceAll("-", "_")}`;

/** One branch for each kind of value: `'PATH|OPTION' | 'PATH|OPTION'`. */
export function valueBranches(table: readonly CompletedCommand[]): readonly (readonly [kind: string, words: string])[] {
  const branches = new Map<string, string[]>();
  for (const { path, options } of table) {
    for (const option of options) {
      if (option.value === undefined) continue;
      const kind = kindOf(option.value);
      const words = branches.get(kind) ?? [];
      branches.set(kind, [...words, ...spellings(option).map((spelling) => quoted(`${path}|${spelling}`))]);
    }
  }
  return [...branches].map(([kind, words]) => [kind, words.join(" | ")] as const);
}

/** Each way from a command to one of its subcommands: `'PATH|NAME'` and the new path. */
export const steps = (table: readonly CompletedCommand[]): readonly (readonly [from: string, to: string])[] =>
  table.flatMap(({ path, commands }) =>
    commands.map(({ name }) => [quoted(`${path}|${name}`), quoted(path === "" ? name : `${path} ${name}`)] as const),
  );

/** What may stand at each position: `'PATH|0'` or `'PATH|'*`, and the kind. */
export const positions = (table: readonly CompletedCommand[]): readonly (readonly [at: string, kind: string])[] =>
  table.flatMap(({ path, values, repeats }) =>
    values.map((value, index) => {
      const isRepeated = repeats && index === values.length - 1;
      return [isRepeated ? `${quoted(`${path}|`)}*` : quoted(`${path}|${index}`), quoted(kindOf(value))] as const;
    }),
  );
