/**
 * The same JSON, laid out as `JSON.stringify` would. Numbers stay as they were written: 1E400 and integers above 2^53
 * are none that a program in JavaScript could read and write again. Keys keep their order.
 *
 * @param text valid JSON
 * @param indent of a level; empty: all on one line, without blanks
 */
export function layOutJson(text: string, indent: string): string {
  return [...layOutPieces([text], indent)].join("");
}

/** So many tokens make a piece: one by one they would take most of the time. */
const PIECE_TOKENS = 1024;

/** The same piece by piece, from pieces of any size. A piece ends between two tokens. */
export function* layOutPieces(pieces: Iterable<string>, indent: string): Generator<string> {
  let parts: string[] = [];
  let depth = 0;
  let isEmpty = false;
  const newLine = (): number => (indent === "" ? 0 : parts.push(`\n${indent.repeat(depth)}`));
  for (const token of tokensOf(pieces)) {
    if (/^[ \t\n\r]/.test(token)) continue;
    const closes = token === "}" || token === "]";
    if (closes) depth -= 1;
    if (isEmpty !== closes) newLine();
    isEmpty = token === "{" || token === "[";
    if (isEmpty) depth += 1;
    parts.push(token.startsWith('"') ? JSON.stringify(JSON.parse(token)) : token);
    if (token === ",") newLine();
    if (token === ":" && indent !== "") parts.push(" ");
    if (parts.length < PIECE_TOKENS) continue;
    yield parts.join("");
    parts = [];
  }
  yield parts.join("");
}

function* tokensOf(pieces: Iterable<string>): Generator<string> {
  let text = "";
  for (const piece of pieces) {
    text += piece;
    let start = 0;
    // A token that reaches the end of what is there may go on in the next piece.
    for (let end = tokenEnd(text, 0); end < text.length; end = tokenEnd(text, start)) {
      yield text.slice(start, end);
      start = end;
    }
    text = text.slice(start);
  }
  for (let start = 0; start < text.length; ) {
    const end = tokenEnd(text, start);
    yield text.slice(start, end);
    start = end;
  }
}

/** Of a string, a sign, a run of blanks, or a number or word. */
function tokenEnd(text: string, start: number): number {
  const first = text[start] ?? "";
  let end = start + 1;
  if (first === '"') {
    while (end < text.length && text[end] !== '"') end += text[end] === "\\" ? 2 : 1;
    end += 1;
  } else if (!"{}[]:,".includes(first)) {
    const isBlank = BLANKS.includes(first);
    while (end < text.length && !`{}[]:,"`.includes(text[end] ?? "") && BLANKS.includes(text[end] ?? "") === isBlank)
      end += 1;
  }
  return end;
}

const BLANKS = " \t\n\r";
