import { AgentError } from "../errors/agent-error.ts";

/** Deepest nesting of JSON: code that walks or prints a document recursively must not overflow the stack. */
const MAX_DEPTH = 100;
const DECODED_BYTES = 16 * 1024;

const BLANKS = " \t\n\r";
const WORDS: Readonly<Record<string, string>> = { t: "rue", f: "alse", n: "ull" };
const ESCAPED = '"\\/bfnrt';
/** Characters in a string that need no further check. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: JSON must escape them.
const PLAIN = /[^"\\\u0000-\u001f]*/y;

/** The next part of a number, by current part and character. `d` is a digit from 1 to 9. */
const NUMBER: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  "-": { 0: "0", d: "whole" },
  0: { ".": ".", e: "e" },
  whole: { 0: "whole", d: "whole", ".": ".", e: "e" },
  ".": { 0: "fraction", d: "fraction" },
  fraction: { 0: "fraction", d: "fraction", e: "e" },
  e: { "+": "sign", "-": "sign", 0: "exponent", d: "exponent" },
  sign: { 0: "exponent", d: "exponent" },
  exponent: { 0: "exponent", d: "exponent" },
};
const NUMBER_ENDS: ReadonlySet<string> = new Set(["0", "whole", "fraction", "exponent"]);

const kindOf = (char: string): string => {
  if (char >= "1" && char <= "9") return "d";
  return char === "E" ? "e" : char;
};

/**
 * What may come next. `item` is a value or the end of a list; `next` is a comma or the end of the open object or list.
 */
type Expected =
  | "value"
  | "item"
  | "firstKey"
  | "key"
  | "colon"
  | "next"
  | "text"
  | "escape"
  | "hex"
  | "word"
  | "number";

/**
 * Checks a JSON document as a stream and keeps only the open brackets: a parsed document takes up to a hundred times
 * its size. Accepts what `JSON.parse` accepts, except nesting deeper than 100 and strings that are not well-formed: an
 * escape can express what UTF-8 cannot. Every method throws ARTIFACT_HEADER.
 */
export class JsonCheck {
  readonly #member: string;
  readonly #decoder = new TextDecoder("utf-8", { fatal: true });
  readonly #open: string[] = [];
  #expected: Expected = "value";
  #isKey = false;
  /** For a word, the rest of it; for a number, the current part. */
  #scalar = "";
  #hex = "";
  /** The first half of a surrogate pair was escaped: the second half must follow. */
  #isHalf = false;
  #first = "";
  /** Strings, numbers, words, objects and lists so far; keys are not counted. */
  values = 0;

  /** @param member name of the document, for the error */
  constructor(member: string) {
    this.#member = member;
  }

  /** Checks the next bytes. */
  push(bytes: Uint8Array): void {
    // Decode in small pieces: the text of a large piece would be as large, or twice as large.
    for (let at = 0; at < bytes.length; at += DECODED_BYTES) this.#take(bytes.subarray(at, at + DECODED_BYTES), true);
  }

  /** Must be called at the end of the document. @returns whether the document is an object */
  end(): boolean {
    this.#take(new Uint8Array(0), false);
    if (this.#expected === "number") this.#step(" ");
    if (this.#expected !== "next" || this.#open.length > 0) this.#fail("not JSON");
    return this.#first === "{";
  }

  #take(bytes: Uint8Array, stream: boolean): void {
    let text: string;
    try {
      text = this.#decoder.decode(bytes, { stream });
    } catch (cause) {
      throw new AgentError("ARTIFACT_HEADER", { member: this.#member, reason: "not JSON" }, cause);
    }
    for (let at = 0; at < text.length; at += 1) {
      if (this.#expected === "text" && !this.#isHalf) {
        PLAIN.lastIndex = at;
        PLAIN.test(text);
        at = PLAIN.lastIndex;
        if (at >= text.length) return;
      }
      this.#step(text[at] ?? "");
    }
  }

  #step(char: string): void {
    if (this.#expected === "text") this.#inText(char);
    else if (this.#expected === "escape") this.#escape(char);
    else if (this.#expected === "hex") this.#inHex(char);
    else if (this.#expected === "word") this.#inWord(char);
    else if (this.#expected === "number") this.#inNumber(char);
    else if (!BLANKS.includes(char)) this.#structure(char);
  }

  #structure(char: string): void {
    const inside = this.#open.at(-1);
    switch (this.#expected) {
      case "colon":
        if (char !== ":") this.#fail("not JSON");
        this.#expected = "value";
        return;
      case "next":
        if (char === "," && inside !== undefined) this.#expected = inside === "{" ? "key" : "value";
        else this.#close(char);
        return;
      case "firstKey":
      case "key":
        if (char === '"') this.#begin("text", true);
        else if (this.#expected === "firstKey") this.#close(char);
        else this.#fail("not JSON");
        return;
      default:
        if (char === "]" && this.#expected === "item") this.#close(char);
        else this.#value(char);
    }
  }

  #value(char: string): void {
    this.values += 1;
    if (this.#first === "") this.#first = char;
    const word = WORDS[char];
    const number = kindOf(char) === "d" ? "whole" : char;
    if (char === '"') this.#begin("text", false);
    else if (char === "{" || char === "[") {
      if (this.#open.push(char) > MAX_DEPTH) this.#fail("nested too deeply");
      this.#expected = char === "{" ? "firstKey" : "item";
    } else if (word !== undefined) this.#begin("word", false, word);
    else if (number === "-" || number === "0" || number === "whole") this.#begin("number", false, number);
    else this.#fail("not JSON");
  }

  #begin(expected: "text" | "word" | "number", isKey: boolean, scalar = ""): void {
    this.#expected = expected;
    this.#isKey = isKey;
    this.#scalar = scalar;
  }

  #close(char: string): void {
    const opened = this.#open.pop();
    if (opened === undefined || char !== (opened === "{" ? "}" : "]")) this.#fail("not JSON");
    this.#expected = "next";
  }

  #inText(char: string): void {
    if (char === "\\") this.#expected = "escape";
    else if (this.#isHalf) this.#fail("text is not well-formed");
    else if (char === '"') this.#expected = this.#isKey ? "colon" : "next";
    else this.#fail("not JSON");
  }

  #escape(char: string): void {
    if (char !== "u" && !ESCAPED.includes(char)) this.#fail("not JSON");
    if (char !== "u" && this.#isHalf) this.#fail("text is not well-formed");
    this.#expected = char === "u" ? "hex" : "text";
    this.#hex = "";
  }

  #inHex(char: string): void {
    if (!/[0-9a-fA-F]/.test(char)) this.#fail("not JSON");
    this.#hex += char;
    if (this.#hex.length < 4) return;
    const half = Number.parseInt(this.#hex, 16) & 0xfc00;
    if ((half === 0xdc00) !== this.#isHalf) this.#fail("text is not well-formed");
    this.#isHalf = half === 0xd800;
    this.#expected = "text";
  }

  #inWord(char: string): void {
    if (!this.#scalar.startsWith(char)) this.#fail("not JSON");
    this.#scalar = this.#scalar.slice(1);
    if (this.#scalar === "") this.#expected = "next";
  }

  #inNumber(char: string): void {
    const part = NUMBER[this.#scalar]?.[kindOf(char)];
    if (part !== undefined) {
      this.#scalar = part;
      return;
    }
    if (!NUMBER_ENDS.has(this.#scalar)) this.#fail("not JSON");
    this.#expected = "next";
    this.#step(char);
  }

  #fail(reason: string): never {
    throw new AgentError("ARTIFACT_HEADER", { member: this.#member, reason });
  }
}
