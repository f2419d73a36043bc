/** Line under the title of every generated page. */
export const GENERATED = (source: string): string => `<!-- Written by \`npm run docs\` from ${source}; edit that. -->`;

/** A Markdown table. Escapes `|` in cells. */
export function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) => `| ${cells.map((cell) => cell.replaceAll("|", "\\|")).join(" | ")} |`;
  return [line(head), line(head.map(() => "---")), ...rows.map(line)].join("\n");
}
