import type { Maintainer } from "./deb.ts";

const WIDTH = 80;

/**
 * The newest section of our changelog in Debian's format. Its date is that of the package: the same source and
 * `SOURCE_DATE_EPOCH` give the same text.
 */
export function debianChangelog(markdown: string, version: string, { name, email }: Maintainer, epoch: number): string {
  const [, newest = ""] = markdown.split(/^## .*$/m);
  const lines = newest
    .split(/^(?=### |- )/m)
    .map((part) => part.trim().replace(/\s*\n\s*/g, " "))
    .flatMap((part) => {
      const [, heading] = /^### (.*)$/.exec(part) ?? [];
      if (heading !== undefined) return ["", `  [ ${heading} ]`];
      return part.startsWith("- ") ? wrapped(part.slice(2)) : [];
    });
  if (lines.length === 0) throw new Error("the newest section of CHANGELOG.md lists no change");
  const date = new Date(epoch * 1000).toUTCString().replace("GMT", "+0000");
  const title = `switchback (${version}) stable; urgency=medium`;
  return [title, ...(lines[0] === "" ? [] : [""]), ...lines, "", ` -- ${name} <${email}>  ${date}`, ""].join("\n");
}

function wrapped(text: string): readonly string[] {
  const lines: string[] = [];
  for (const word of text.replace(/\[([^\]]*)\]\([^)]*\)/g, "$1").split(" ")) {
    const last = lines.at(-1);
    if (last !== undefined && last.length + word.length < WIDTH) lines[lines.length - 1] = `${last} ${word}`;
    else lines.push(last === undefined ? `  * ${word}` : `    ${word}`);
  }
  return lines;
}
