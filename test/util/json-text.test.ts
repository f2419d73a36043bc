import fc from "fast-check";
import { expect, test } from "vitest";
import { layOutJson, layOutPieces } from "../../src/util/json-text.ts";
import { isTextRecord } from "../../src/util/text-record.ts";

test("any JSON is laid out as JSON.stringify does", () => {
  fc.assert(
    fc.property(fc.jsonValue(), fc.constantFrom("", " ", "  "), (value, before) => {
      const text = JSON.stringify(value, undefined, before);
      for (const indent of ["", "  "]) expect(layOutJson(text, indent)).toBe(JSON.stringify(value, undefined, indent));
    }),
  );
});

test("JSON in pieces of any size is laid out as a whole one is", () => {
  fc.assert(
    fc.property(fc.jsonValue(), fc.integer({ min: 1, max: 7 }), (value, size) => {
      const text = JSON.stringify(value, undefined, " ");
      const pieces = Array.from({ length: Math.ceil(text.length / size) }, (_, at) =>
        text.slice(at * size, at * size + size),
      );
      expect([...layOutPieces(pieces, "  ")].join("")).toBe(JSON.stringify(value, undefined, "  "));
    }),
  );
});

test("every escape sequence is written as JSON.stringify does, wherever a piece ends", () => {
  const text = String.raw`["\\u0041\" \"\/\b\f\n\r\t\u0000\u0041\uD83D\uDE00\ud7ff\ue000 \\",{"\u0061":"\\\\"}]`;
  const expected = JSON.stringify(JSON.parse(text));
  for (let size = 1; size < text.length; size += 1) {
    const pieces = (text.match(new RegExp(`.{1,${size}}`, "g")) ?? []).map(String);
    expect([...layOutPieces(pieces, "")].join(""), `pieces of ${size}`).toBe(expected);
  }
});

test("what is laid out comes in pieces, however large it becomes", () => {
  const text = `${"[".repeat(90)}${Array.from({ length: 100_000 }, () => 0).join()}${"]".repeat(90)}`;
  const sizes = [...layOutPieces([text], "  ")].map((piece) => piece.length);
  expect(Math.max(...sizes)).toBeLessThan(300_000);
});

for (const [what, text, expected] of [
  ["a number that no double holds", '{ "a" : 1E400 }', '{"a":1E400}'],
  ["an integer above 2^53", "[9007199254740993,\t-0]", "[9007199254740993,-0]"],
  ["a fraction as it is written", "[1.10, 1e2]", "[1.10,1e2]"],
  ["a key __proto__", '{"a":{"__proto__":[{"__proto__":1}]}}', '{"a":{"__proto__":[{"__proto__":1}]}}'],
  ["keys that look like numbers, in their order", '{"2":1,"1":2}', '{"2":1,"1":2}'],
  ["brackets and quotes in texts", '["}{\\"][,", "\\\\"]', '["}{\\"][,","\\\\"]'],
  ["escapes that need not be", '["\\u003ca\\/b\\u00e4"]', '["<a/bä"]'],
  ["nothing in it", "[ { } , [\n] ]", "[{},[]]"],
] as const) {
  test(`${what} stays`, () => {
    expect(layOutJson(text, "")).toBe(expected);
    expect(layOutJson(layOutJson(text, "  "), "")).toBe(expected);
  });
}

test("a record of texts may have any key", () => {
  expect(isTextRecord(JSON.parse('{"__proto__":"a","toString":"b"}'))).toBe(true);
  for (const other of ['{"__proto__":1}', '["a"]', "null", '"a"']) expect(isTextRecord(JSON.parse(other))).toBe(false);
});
