import type { CompletedCommand, CompletedOption, Value } from "./completion-table.ts";
import { functionName, spellings } from "./completion-words.ts";

/** A completion for fish. Fish caches each condition while it completes a line. */
export function fishCompletion(program: string, table: readonly CompletedCommand[]): string {
  const name = `_${functionName(program)}`;
  const takesValue = table.flatMap(({ path, options }) =>
    options
      .filter(({ value }) => value !== undefined)
      .flatMap(spellings)
      .map((spelling) => quoted(`${path}|${spelling}`)),
  );
  const steps = table.flatMap(({ path, commands }) =>
    commands.map((each) => [`${path}|${each.name}`, path === "" ? each.name : `${path} ${each.name}`] as const),
  );
  const lines = table.flatMap(({ path, commands, options, values }) => {
    const start = `complete -c ${program} -n ${quoted(`${name}_at ${quoted(path)}`)}`;
    return [
      ...commands.map((each) => `${start} -a ${quoted(each.name)} -d ${quoted(each.description)}`),
      ...options.map((option) => `${start} ${optionWords(option)}`),
      ...new Set(values.map((value) => `${start} ${argumentWords(value)}`)),
    ];
  });
  return `# fish completion for ${program}

# The words of the command before the cursor, without options and their values.
function ${name}_where
    set -l where ''
    set -l skip 0
    for word in (commandline -opc)[2..]
        if test $skip = 1
            set skip 0
            continue
        end
        switch "$where|$word"
            case ${takesValue.join(" ")}
                set skip 1
${steps.map(([from, to]) => `            case ${quoted(from)}\n                set where ${quoted(to)}`).join("\n")}
        end
    end
    echo $where
end

function ${name}_at
    set -l where (${name}_where)
    test "$where" = "$argv[1]"
end

complete -c ${program} -f
${lines.join("\n")}
`;
}

const quoted = (text: string): string => `'${text.replaceAll("\\", "\\\\").replaceAll("'", "\\'")}'`;

const optionWords = ({ long, short, description, value }: CompletedOption): string =>
  [
    ...(short === undefined ? [] : [`-s ${short.slice(1)}`]),
    ...(long === undefined ? [] : [`-l ${long.slice(2)}`]),
    ...(value === undefined ? [] : [valueWords(value)]),
    `-d ${quoted(description)}`,
  ].join(" ");

function valueWords(value: Value): string {
  if (value === "file") return "-r -F";
  if (value === "folder") return "-x -a '(__fish_complete_directories)'";
  return value === "text" ? "-x" : `-x -a ${quoted(value.words.join(" "))}`;
}

function argumentWords(value: Value): string {
  if (value === "folder") return "-a '(__fish_complete_directories)'";
  return typeof value === "string" ? "-F" : `-a ${quoted(value.words.join(" "))}`;
}
