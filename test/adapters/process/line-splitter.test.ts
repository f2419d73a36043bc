import { expect, test } from "vitest";
import { createLineSplitter } from "../../../adapters/process/line-splitter.ts";

function split(maxBytes: number, ...chunks: (string | Uint8Array)[]): string[] {
  const lines: string[] = [];
  const splitter = createLineSplitter(maxBytes, (line) => lines.push(line));
  for (const chunk of chunks) splitter.push(Buffer.from(chunk));
  splitter.end();
  return lines;
}

test.each([
  ["one line", ["a\n"], ["a"]],
  ["two lines in one chunk", ["a\nb\n"], ["a", "b"]],
  ["a line in pieces", ["a", "b", "c\nd", "\n"], ["abc", "d"]],
  ["a last line without an end", ["a\nb"], ["a", "b"]],
  ["empty lines", ["\n\na\n"], ["", "", "a"]],
  ["line ends of another system", ["a\r\nb\r", "\n"], ["a", "b"]],
  ["a character cut in two", [Buffer.from([0xc3]), Buffer.from([0xa4, 0x0a])], ["ä"]],
  ["bytes that are no text", [Buffer.from([0xff, 0x41, 0x0a])], ["\ufffdA"]],
  ["nothing", [], []],
])("%s", (_, chunks, lines) => {
  expect(split(100, ...chunks)).toEqual(lines);
});

test("a line that is too long comes in pieces", () => {
  expect(split(4, "abcdefghij\nxy\n")).toEqual(["abcd", "efgh", "ij", "xy"]);
  expect(split(4, "abcd", "\nefgh\n")).toEqual(["abcd", "efgh"]);
  expect(split(4, "abc", "def", "ghi")).toEqual(["abcd", "efgh", "i"]);
});
