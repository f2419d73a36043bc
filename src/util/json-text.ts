/**
 * The same JSON, laid out as `JSON.stringify` would. Numbers stay as they were written: 1E400 and integers above 2^53
 * are none that a program in JavaScript could read and write again. Keys keep their order.
 *
 * @param text valid JSON
 * @param indent of a level; empty: all on one line, without blanks
 */
export function layOutJson(text: string, indent: string): string {
  const parts: string[] = [];
  let depth = 0;
  let isEmpty = false;
  const newLine = (): number => (indent === "" ? 0 : parts.push(`\n${indent.repeat(depth)}`));
  for (let at = 0; at < text.length; ) {
    const token = tokenAt(text, at);
    at += token.length;
    if (/^[ \t\n\r]/.test(token)) continue;
    const closes = token === "}" || token === "]";
    if (closes) depth -= 1;
    if (isEmpty !== closes) newLine();
    isEmpty = token === "{" || token === "[";
    if (isEmpty) depth += 1;
    parts.push(token.startsWith('"') ? JSON.stringify(JSON.parse(token)) : token);
    if (token === ",") newLine();
    if (token === ":" && indent !== "") parts.push(" ");
  }
  return parts.join("");
}

/** A string, a sign, a run of blanks, or a number or word. */
function tokenAt(text: string, start: number): string {
  const first = text[start] ?? "";
  let end = start + 1;
  if (first === '"') {
    while (text[end] !== '"') end += text[end] === "\\" ? 2 : 1;
    end += 1;
  } else if (!"{}[]:,".includes(first)) {
    const isBlank = BLANKS.includes(first);
    while (end < text.length && !`{}[]:,"`.includes(text[end] ?? "") && BLANKS.includes(text[end] ?? "") === isBlank)
      end += 1;
  }
  return text.slice(start, end);
}

const BLANKS = " \t\n\r";
