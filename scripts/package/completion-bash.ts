import type { CompletedCommand } from "./completion-table.ts";
import { functionName, positions, quoted, spellings, steps, valueBranches } from "./completion-words.ts";

/** A completion for bash, which needs no other file. Bash splits `--option=value` into three words. */
export function bashCompletion(program: string, table: readonly CompletedCommand[]): string {
  const name = functionName(program);
  return `# bash completion for ${program}
# shellcheck shell=bash

${name}() {
  local cur=\${COMP_WORDS[COMP_CWORD]} where='' kind='' word
  local -i i=1 at=0
  while ((i < COMP_CWORD)); do
    word=\${COMP_WORDS[i]}
    i+=1
    case "$where|$word" in
${steps(table)
  .map(([from, to]) => `      ${from}) where=${to} at=0 ;;`)
  .join("\n")}
${valueBranches(table)
  .map(([kind, words]) => `      ${words}) kind=${quoted(kind)} ;;`)
  .join("\n")}
      *'|-'* | *'|=') ;;
      *) at+=1 ;;
    esac
    [[ -n $kind ]] || continue
    if [[ \${COMP_WORDS[i]} == '=' ]]; then
      if ((i == COMP_CWORD)); then
        cur=''
        break
      fi
      i+=1
    fi
    if ((i < COMP_CWORD)); then
      kind=''
      i+=1
    fi
  done

  if [[ -z $kind && $cur == -* ]]; then
    case $where in
${table
  .map(
    ({ path, options }) => `      ${quoted(path)}) kind=${quoted(`words ${options.flatMap(spellings).join(" ")}`)} ;;`,
  )
  .join("\n")}
    esac
  elif [[ -z $kind ]]; then
    case "$where|$at" in
${table
  .filter(({ commands }) => commands.length > 0)
  .map(({ path, commands }) => [`${quoted(`${path}|0`)}`, commands.map((each) => each.name).join(" ")] as const)
  .map(([at, words]) => `      ${at}) kind=${quoted(`words ${words}`)} ;;`)
  .join("\n")}
${positions(table)
  .map(([at, kind]) => `      ${at}) kind=${kind} ;;`)
  .join("\n")}
    esac
  fi

  COMPREPLY=()
  case $kind in
    'words '*) mapfile -t COMPREPLY < <(compgen -W "\${kind#words }" -- "$cur") ;;
    file)
      compopt -o filenames 2>/dev/null
      mapfile -t COMPREPLY < <(compgen -f -- "$cur")
      ;;
    folder)
      compopt -o filenames 2>/dev/null
      mapfile -t COMPREPLY < <(compgen -d -- "$cur")
      ;;
  esac
}

complete -F ${name} ${program}
`;
}
