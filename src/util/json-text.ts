/**
 * Formats JSON like `JSON.stringify`, but without parsing numbers: JavaScript cannot read and write 1E400 or integers
 * above 2^53 unchanged. Keys keep their order.
 *
 * @param text valid JSON
 * @param indent indentation of one level; empty: everything on one line, without whitespace
 */
export function layOutJson(text: string, indent: string): string {
  return [...layOutPieces([text], indent)].join("");
}

/** Tokens per piece: yielding single tokens would take most of the time. */
const PIECE_TOKENS = 1024;

/**
 * As `layOutJson`, with input and output in pieces. Input pieces may have any size; an output piece ends between two
 * tokens.
 */
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
    // A token that reaches the end of the text may continue in the next piece.
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

/** End of a string, a sign, a run of whitespace, or a number or word. */
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
