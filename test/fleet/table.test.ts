import { expect, test } from "vitest";
import { ago, type Column, megabytes, tableLines } from "../../fleet/cli/table.ts";

const ROWS = [
  { name: "router-1", note: "a note that is rather long", n: 7 },
  { name: "gateway", note: "", n: 1200 },
];
const COLUMNS: readonly Column<(typeof ROWS)[number]>[] = [
  { title: "name", value: ({ name }) => name },
  { title: "note", value: ({ note }) => note },
  { title: "n", value: ({ n }) => n, right: true },
];

test("columns are as wide as their widest cell, and numbers stand on the right", () => {
  expect(tableLines(ROWS, COLUMNS)).toEqual([
    "NAME      NOTE                           N",
    "router-1  a note that is rather long     7",
    "gateway                               1200",
  ]);
});

test("on a narrow terminal the widest column gives way, and shows that it was cut", () => {
  expect(tableLines(ROWS, COLUMNS, 30)).toEqual([
    "NAME      NOTE               N",
    "router-1  a note that i…     7",
    "gateway                   1200",
  ]);
});

test("text of a device cannot steer the terminal", () => {
  expect(tableLines([{ name: "\u001b[2J\n", note: "", n: 0 }], COLUMNS)[1]).toBe("\\x1b[2J\\x0a        0");
});

for (const [seconds, text] of [
  [5, "5 s"],
  [119, "1 min"],
  [7200, "2 h"],
  [200_000, "2 d"],
] as const)
  test(`${seconds} seconds ago is shown as ${text}`, () => {
    expect(ago(new Date(1e12).toISOString(), 1e12 + seconds * 1000)).toBe(text);
  });

test("what was never seen has no age, and sizes are in MB", () => {
  expect([ago(undefined, 0), megabytes(1_234_567), megabytes(52_428_800)]).toEqual(["", "1.2 MB", "52 MB"]);
});
