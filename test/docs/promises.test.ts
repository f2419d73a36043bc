import { readFile } from "node:fs/promises";
import { expect, test } from "vitest";
import { titlesIn } from "../support/titles.ts";

interface Promised {
  readonly promise: string;
  readonly file: string;
  readonly title: string;
}

const page = await readFile("docs/promises.md", "utf8");
const rows = page.split("\n").filter((line) => line.startsWith("| ") && !/^\| (?:Promise|---)/.test(line));
const promises = rows.map(parseRow);

function parseRow(line: string): Promised {
  const found = /^\| (?<promise>.+) \| `(?<file>test\/[^`]+\.test\.ts)` · (?<title>.+) \|$/.exec(line)?.groups;
  const { promise, file, title } = found ?? {};
  if (promise === undefined || file === undefined || title === undefined) throw new Error(`not a promise: ${line}`);
  return { promise, file, title };
}

const squeeze = (title: string): string => title.replace(/\s*…\s*/g, "…");

test("there are promises, and no two are the same", () => {
  expect(promises.length).toBeGreaterThan(3);
  expect(new Set(promises.map(({ promise }) => promise)).size).toBe(promises.length);
});

for (const { promise, file, title } of promises) {
  test(`a test proves: ${promise}`, async () => {
    expect((await titlesIn(file)).map(squeeze)).toContain(squeeze(title));
  });
}
