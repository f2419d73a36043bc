/** Text for a manual page: no character of it is a request or an escape of the formatter. */
export const text = (plain: string): string =>
  plain
    .replaceAll("\\", "\\e")
    .replaceAll("-", "\\-")
    .replaceAll("'", "\\(aq")
    .replaceAll("`", "\\(ga")
    .replaceAll("^", "\\(ha")
    .replaceAll("~", "\\(ti")
    .replace(/^\./gm, "\\&.")
    .replace(
      /[^\n -~]/gu,
      (character) => `\\[u${(character.codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, "0")}]`,
    );

export const bold = (plain: string): string => `\\fB${text(plain)}\\fR`;

export const section = (title: string): string => `.SH ${title}`;

export const paragraphs = (plain: readonly string[]): string => plain.map(filled).join("\n.PP\n");

/** @param term already formatted */
export const definition = (term: string, plain: string): string => `.TP\n${term}\n${filled(plain)}`;

export const example = (plain: string): string => `.EX\n${text(plain)}\n.EE`;

export function header(name: string, epoch: number, version: string): string {
  const date = new Date(epoch * 1000).toISOString().slice(0, 10);
  return `.TH ${text(name.toUpperCase())} 1 ${date} "Switchback ${text(version)}" "User Commands"`;
}

/** A table in a help text keeps its lines; other text is filled anew. */
function filled(plain: string): string {
  const lines = plain.split("\n");
  return lines.some((line) => /^ {2}/.test(line)) ? example(plain) : text(lines.map((line) => line.trim()).join("\n"));
}
