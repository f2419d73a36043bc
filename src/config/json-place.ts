/** A position in a text, counted as in editors: both numbers begin at 1. */
export interface Place {
  readonly line: number;
  readonly column: number;
}

export interface JsonPlaces {
  /** The first JSON syntax error. Never quotes the text, which may contain secrets. */
  readonly fault?: Place & { readonly reason: string };
  /** The keys of the outermost object. */
  readonly keys: ReadonlyMap<string, Place>;
}

const SPACE = /[\t\n\r ]*/y;
const OPENING = /[{[]/y;
const CLOSING = /[}\]]/y;
// biome-ignore lint/suspicious/noControlCharactersInRegex: JSON forbids them in strings.
const STRING = /"(?:[^"\\\u0000-\u001f]|\\(?:["\\/bfnrt]|u[\dA-Fa-f]{4}))*"/y;
const SCALAR = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[Ee][+-]?\d+)?|true|false|null/y;

type Expected = "value" | "first value" | "key" | "first key" | "colon" | "next" | "end";

const WANTED: Readonly<Record<Expected, string>> = {
  value: "a value was expected here",
  "first value": "a value or ] was expected here",
  key: "a key in double quotes was expected here",
  "first key": "a key in double quotes or } was expected here",
  colon: "a colon was expected here",
  next: "a comma or the closing bracket was expected here",
  end: "the end of the file was expected here",
};

/**
 * Finds the keys and the first error of a JSON text. Node does not always report the position of an error, and never
 * that of a key. Nesting does not use the stack.
 */
export function findPlaces(text: string): JsonPlaces {
  const keys = new Map<string, Place>();
  const open: string[] = [];
  let at = 0;
  let expected: Expected = "value";

  const take = (pattern: RegExp): string | undefined => {
    pattern.lastIndex = at;
    const found = pattern.exec(text)?.[0];
    if (found !== undefined) at += found.length;
    return found;
  };
  const afterValue = (): Expected => (open.length === 0 ? "end" : "next");

  /** Takes one token. @returns what may follow it, `undefined` if the token is not allowed here */
  function step(): Expected | undefined {
    const from = at;
    if (expected === "colon") return take(/:/y) === undefined ? undefined : "value";
    if (expected === "next" && take(/,/y) !== undefined) return open.at(-1) === "{" ? "key" : "value";
    if (expected === "next" || expected.startsWith("first")) {
      const closing = take(CLOSING);
      if (closing !== undefined) return open.pop() === (closing === "}" ? "{" : "[") ? afterValue() : undefined;
    }
    if (expected === "next" || expected === "end") return undefined;
    const string = take(STRING);
    if (expected.endsWith("key")) {
      if (string !== undefined && open.length === 1) keys.set(JSON.parse(string), placeOf(text, from));
      return string === undefined ? undefined : "colon";
    }
    if ((string ?? take(SCALAR)) !== undefined) return afterValue();
    const opening = take(OPENING);
    if (opening === undefined) return undefined;
    open.push(opening);
    return opening === "{" ? "first key" : "first value";
  }

  for (;;) {
    take(SPACE);
    if (at === text.length && expected === "end") return { keys };
    const from = at;
    const next = step();
    if (next === undefined) return { keys, fault: { ...placeOf(text, from), reason: WANTED[expected] } };
    expected = next;
  }
}

function placeOf(text: string, at: number): Place {
  const before = text.slice(0, at).split("\n");
  return { line: before.length, column: (before.at(-1)?.length ?? 0) + 1 };
}
