import type { CompletedCommand, CompletedOption } from "./completion-table.ts";
import { functionName, positions, quoted, spellings, steps, valueBranches } from "./completion-words.ts";

/** A completion for zsh, to be found in its `fpath`. */
export function zshCompletion(program: string, table: readonly CompletedCommand[]): string {
  const name = functionName(program);
  return `#compdef ${program}
# zsh completion for ${program}

${name}() {
  local where='' kind='' word
  local -i i=2 at=0
  local -a list
  while ((i < CURRENT)); do
    word=\${words[i]}
    i+=1
    case "$where|$word" in
${steps(table)
  .map(([from, to]) => `      ${from}) where=${to} at=0 ;;`)
  .join("\n")}
${valueBranches(table)
  .map(([kind, words]) => `      ${words}) kind=${quoted(kind)} ;;`)
  .join("\n")}
      *'|-'*) ;;
      *) at+=1 ;;
    esac
    if [[ -n $kind ]] && ((i < CURRENT)); then
      kind=''
      i+=1
    fi
  done

  if [[ -z $kind && \${words[CURRENT]} == --*=* ]]; then
    case "$where|\${words[CURRENT]%%=*}" in
${valueBranches(table)
  .map(([kind, words]) => `      ${words}) kind=${quoted(kind)} ;;`)
  .join("\n")}
    esac
    compset -P '*='
  fi

  if [[ -z $kind && $PREFIX == -* ]]; then
    case $where in
${table.map(({ path, options }) => `      ${quoted(path)}) list=(${options.flatMap(items).join(" ")}) ;;`).join("\n")}
    esac
    _describe -o option list
    return
  fi
  if [[ -z $kind ]]; then
    case "$where|$at" in
${table
  .filter(({ commands }) => commands.length > 0)
  .map(({ path, commands }) => {
    const list = commands.map((each) => quoted(item(each.name, each.description)));
    return `      ${quoted(`${path}|0`)}) list=(${list.join(" ")}) ;;`;
  })
  .join("\n")}
${positions(table)
  .map(([at, kind]) => `      ${at}) kind=${kind} ;;`)
  .join("\n")}
    esac
  fi
  case $kind in
    'words '*) compadd -- \${=kind#words } ;;
    file) _files ;;
    folder) _files -/ ;;
    text) _message value ;;
    *) ((\${#list})) && _describe command list ;;
  esac
}

${name} "$@"
`;
}

const item = (name: string, description: string): string =>
  `${name.replaceAll(":", "\\:")}:${description.replaceAll("\n", " ")}`;

const items = (option: CompletedOption): readonly string[] =>
  spellings(option).map((spelling) => quoted(item(spelling, option.description)));
