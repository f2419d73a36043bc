import { expect, test } from "vitest";
import { LOG_TAIL_BYTES, logLine, readLog } from "../../../src/core/deployment/log-text.ts";

const NOON = "2026-11-22T12:00:00.000Z";
const noonMs = Date.parse(NOON);
const entry = (message: string, timestamp = NOON) => ({ level: "info", message, timestamp });
const CORRUPTED = { level: "error", message: "(CORRUPTED LOG DATA)" };

test("what has been logged comes back, with control characters escaped", () => {
  const odd = 'two\nlines "quoted" \u0000 ü';
  const text = logLine("info", odd, noonMs) + logLine("warning", "second", noonMs + 1500);
  expect(text.split("\n")).toHaveLength(3);
  expect(readLog({ text, isCut: false })).toEqual([
    entry('two\\x0alines "quoted" \\x00 ü'),
    { level: "warning", message: "second", timestamp: "2026-11-22T12:00:01.500Z" },
  ]);
});

test("an empty log has no messages", () => {
  expect(readLog({ text: "", isCut: false })).toEqual([]);
});

const NO_ENTRIES: readonly (readonly [string, string])[] = [
  ["a torn line", '{"level":"info","mess'],
  ["a line of another program", "Segmentation fault"],
  ["an entry without a level", JSON.stringify({ message: "m", timestamp: NOON })],
  ["an entry without a message", JSON.stringify({ level: "info", timestamp: NOON })],
  ["an entry whose time is none", JSON.stringify({ ...entry("m"), timestamp: "yesterday" })],
  ["an entry with a number for a message", JSON.stringify({ ...entry("m"), message: 5 })],
  ["null", "null"],
];
for (const [title, line] of NO_ENTRIES) {
  test(`${title} leaves an entry that says so, with the time of the previous one`, () => {
    const text = `${logLine("info", "first", noonMs)}${line}\n${logLine("info", "last", noonMs)}`;
    expect(readLog({ text, isCut: false })).toEqual([
      { level: "error", message: "The log holds entries that cannot be read", timestamp: NOON },
      entry("first"),
      { ...CORRUPTED, timestamp: NOON },
      entry("last"),
    ]);
  });
}

test("a log that begins with what cannot be read begins in 1970", () => {
  const [, corrupted] = readLog({ text: "\u0000\u0000\n", isCut: false });
  expect(corrupted).toEqual({ ...CORRUPTED, timestamp: "1970-01-01T00:00:00.000Z" });
});

test("the end of a longer log begins with a note, and with its first whole line", () => {
  const text = `torn"}\n${logLine("info", "last", noonMs)}`;
  expect(readLog({ text, isCut: true })).toEqual([
    { level: "warning", message: "The log is too long for the server; its beginning is left out", timestamp: NOON },
    entry("last"),
  ]);
});

test("of a log that is too long the newest whole entries are kept, within a million bytes", () => {
  const lines = Array.from({ length: 12_000 }, (_, n) => logLine("info", `${n} ${"ü".repeat(20)}`, noonMs));
  const messages = readLog({ text: lines.join(""), isCut: false });
  const bytes = Buffer.byteLength(JSON.stringify({ messages }));
  expect(bytes).toBeLessThanOrEqual(1_000_000 - 256);
  expect(bytes).toBeGreaterThan(999_000);
  expect(messages[0]?.message).toBe("The log is too long for the server; its beginning is left out");
  expect(messages.at(-1)?.message).toMatch(/^11999 /);
  const numbers = messages.slice(1).map(({ message }) => Number.parseInt(message, 10));
  expect(numbers).toEqual(numbers.map((_, n) => 12_000 - numbers.length + n));
});

test("corrupted entries, which grow, count with what they become", () => {
  const text = "x\n".repeat(LOG_TAIL_BYTES / 2);
  expect(Buffer.byteLength(JSON.stringify({ messages: readLog({ text, isCut: true }) }))).toBeLessThan(1_000_000);
});
