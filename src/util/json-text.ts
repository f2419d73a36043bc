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

/** Indentation can make a piece a hundred times longer. */
const PIECE_CHARACTERS = 2048;

/** As `layOutJson`, with input and output in pieces. Pieces may have any size and may end anywhere. */
export function* layOutPieces(pieces: Iterable<string>, indent: string): Generator<string> {
  const layout = new JsonLayout(indent);
  for (const piece of pieces) {
    for (let at = 0; at < piece.length; at += PIECE_CHARACTERS)
      yield layout.push(piece.slice(at, at + PIECE_CHARACTERS));
  }
}

const BLANKS = " \t\n\r";
/** A complete escape sequence; the first half of a surrogate pair needs the second half. */
const ESCAPED = /^(?:\\[^u]|\\u(?![dD][89abAB]).{4}|\\u.{4}\\u.{4})$/;

/**
 * Copies runs of unchanged text. With an object for each bracket, a large document would create garbage faster than V8
 * collects it.
 */
class JsonLayout {
  readonly #indent: string;
  #piece = "";
  /** Start of the run that is not in the output yet. */
  #start = 0;
  #out = "";
  #depth = 0;
  /** Nothing has followed the last opening bracket yet. */
  #isEmpty = false;
  #inText = false;
  /** The beginning of an escape sequence, or of an escaped surrogate pair. */
  #escape = "";

  constructor(indent: string) {
    this.#indent = indent;
  }

  push(piece: string): string {
    this.#piece = piece;
    this.#start = 0;
    this.#out = "";
    for (let at = 0; at < piece.length; at += 1) {
      const char = piece[at] ?? "";
      if (!this.#inText) this.#outside(char, at);
      else if (this.#escape !== "" || char === "\\") this.#escaped(char, at);
      else if (char === '"') this.#inText = false;
    }
    this.#insert("", piece.length, 0);
    return this.#out;
  }

  #outside(char: string, at: number): void {
    const closes = char === "}" || char === "]";
    if (BLANKS.includes(char)) this.#insert("", at, 1);
    else if (char === ",") this.#newLine(at + 1);
    else if (char === ":") this.#insert(this.#indent === "" ? "" : " ", at + 1, 0);
    else {
      if (closes) this.#depth -= 1;
      if (this.#isEmpty !== closes) this.#newLine(at);
      this.#isEmpty = char === "{" || char === "[";
      if (this.#isEmpty) this.#depth += 1;
      this.#inText = char === '"';
    }
  }

  #escaped(char: string, at: number): void {
    // The run ends before the escape sequence, which is written anew.
    this.#insert("", at, 1);
    this.#escape += char;
    if (!ESCAPED.test(this.#escape)) return;
    this.#out += JSON.stringify(JSON.parse(`"${this.#escape}"`)).slice(1, -1);
    this.#escape = "";
  }

  #newLine(at: number): void {
    if (this.#indent !== "") this.#insert(`\n${this.#indent.repeat(this.#depth)}`, at, 0);
  }

  /** Adds the run up to `at`, then `text`, and skips some characters. */
  #insert(text: string, at: number, skipped: number): void {
    if (at > this.#start) this.#out += this.#piece.slice(this.#start, at);
    if (text !== "") this.#out += text;
    this.#start = at + skipped;
  }
}
