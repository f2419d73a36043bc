import fc from "fast-check";
import { expect, test } from "vitest";
import { JsonCheck } from "../../src/artifact/json-check.ts";

/** The result of the check: `object`, `other`, or the reason for a refusal. */
function verdict(bytes: Uint8Array, pieceBytes = bytes.length): string {
  const check = new JsonCheck("document");
  try {
    for (let at = 0; at < bytes.length; at += pieceBytes) check.push(bytes.subarray(at, at + pieceBytes));
    return check.end() ? "object" : "other";
  } catch (error) {
    return String((error as { detail?: { reason?: string } }).detail?.reason ?? error);
  }
}

const verdictOf = (text: string, pieceBytes?: number): string => verdict(Buffer.from(text), pieceBytes);

/** The result of JSON.parse, which is independent of the check. */
function parsed(text: string): string {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null && !Array.isArray(value) ? "object" : "other";
  } catch {
    return "not JSON";
  }
}

test("takes what JSON.parse takes, in pieces of any size", () => {
  fc.assert(
    fc.property(fc.json(), fc.integer({ min: 1, max: 9 }), (text, pieceBytes) => {
      expect(verdictOf(text, pieceBytes)).toBe(parsed(text));
    }),
  );
});

test("refuses what JSON.parse refuses, of texts that are nearly JSON", () => {
  const token = fc.constantFrom(
    ...["{", "}", "[", "]", ",", ":", '"a"', '"', "\\", "\\u00e4", "\t", "\n", " ", "\0", "ä", "\u00a0", "a"],
    ...["0", "1", "-", ".", "e", "E+", "true", "false", "nul", "null", "NaN", "1.5e-7", '"\\n"', '"\\x"'],
  );
  fc.assert(
    fc.property(fc.array(token, { maxLength: 8 }), (tokens) => {
      const text = tokens.join("");
      expect(verdictOf(text, 1), text).toBe(parsed(text));
    }),
    { numRuns: 5000 },
  );
});

test("refuses valid JSON that has lost, gained or changed a character as JSON.parse does", () => {
  const change = fc.record({ at: fc.nat(200), removed: fc.nat(2), put: fc.constantFrom("", '"', "}", "0", ",", "\\") });
  fc.assert(
    fc.property(fc.json({ maxDepth: 3 }), change, (json, { at, removed, put }) => {
      const text = `${json.slice(0, at)}${put}${json.slice(at + removed)}`;
      const said = verdictOf(text, 3);
      // Half of a surrogate pair may have been removed: JSON.parse accepts this.
      if (said !== "text is not well-formed") expect(said, text).toBe(parsed(text));
    }),
    { numRuns: 2000 },
  );
});

const lists = (depth: number): string => `${"[".repeat(depth)}${"]".repeat(depth)}`;

for (const [what, text, expected] of [
  ["a pair of surrogates", '["\\ud83d\\ude00"]', "other"],
  ["the first of a pair alone", '["\\ud83d"]', "text is not well-formed"],
  ["the first of a pair before another character", '["\\ud83da"]', "text is not well-formed"],
  ["the first of a pair before another escape", '["\\ud83d\\n"]', "text is not well-formed"],
  ["the first of a pair twice", '["\\ud83d\\ud83d\\ude00"]', "text is not well-formed"],
  ["the second of a pair alone, in a key", '{"\\ude00":1}', "text is not well-formed"],
  ["100 levels", lists(100), "other"],
  ["101 levels", lists(101), "nested too deeply"],
  ["many lists side by side", `[${Array.from({ length: 500 }, () => "[]").join()}]`, "other"],
  ["the same key twice, and __proto__", '{"a":1,"a":2,"__proto__":3}', "object"],
  ["a byte order mark", "\ufeff{}", "object"],
  ["nothing", "", "not JSON"],
] as const) {
  test(`${what}: ${expected}`, () => {
    for (const pieceBytes of [1, 2, 3, 1000]) expect(verdictOf(text, pieceBytes)).toBe(expected);
  });
}

test("refuses bytes that are no UTF-8, wherever they stand", () => {
  for (const bad of [[0xff], [0xc3, 0x28], [0xed, 0xa0, 0x80], [0xf0, 0x9f, 0x98]]) {
    const bytes = Buffer.concat([Buffer.from('["'), Buffer.from(bad), Buffer.from('"]')]);
    expect(verdict(bytes, 1)).toBe("not JSON");
  }
  expect(verdict(Buffer.from([0x7b, 0x7d, 0xc3]))).toBe("not JSON");
});

test("counts values, and no keys", () => {
  const check = new JsonCheck("document");
  check.push(Buffer.from('{"a":[1,"b",null,{"c":{}}]}'));
  check.end();
  expect(check.values).toBe(7);
});
