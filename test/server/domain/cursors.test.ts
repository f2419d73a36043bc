import { expect, test } from "vitest";
import { readCursor, stretchOf, type Walked, writeCursor } from "../../../server/domain/cursors/cursors.ts";

const KEY = Buffer.alloc(32, 7);
const WALKED: Walked = { tenant: "t1", list: "devices", query: { status: ["accepted"], text: "a" } };
const POSITION = ["2026-01-01 10:00:00.123456+00", null, "é😀"];

test("a cursor gives back its position, in whatever order the query names its members", () => {
  const cursor = writeCursor(KEY, WALKED, POSITION);
  expect(cursor).toMatch(/^[\w-]+\.[\w-]+$/);
  expect(readCursor(KEY, { ...WALKED, query: { text: "a", status: ["accepted"] } }, cursor)).toEqual(POSITION);
});

for (const [title, key, walked] of [
  ["another tenant", KEY, { ...WALKED, tenant: "t2" }],
  ["another list", KEY, { ...WALKED, list: "audit" }],
  ["another query", KEY, { ...WALKED, query: { status: ["pending"], text: "a" } }],
  ["a query with less in it", KEY, { ...WALKED, query: { status: ["accepted"] } }],
  ["another installation", Buffer.alloc(32, 8), WALKED],
] as const)
  test(`a cursor is worthless for ${title}`, () => {
    expect(readCursor(key, walked, writeCursor(KEY, WALKED, POSITION))).toBeUndefined();
  });

test("no character of a cursor can be changed, left out or added", () => {
  const cursor = writeCursor(KEY, WALKED, POSITION);
  for (let n = 0; n < cursor.length; n += 1)
    for (const other of ["A", "B", "", ".", "é", `${cursor[n]}${cursor[n]}`]) {
      const changed = cursor.slice(0, n) + other + cursor.slice(n + 1);
      if (changed !== cursor) expect(readCursor(KEY, WALKED, changed), changed).toBeUndefined();
    }
  for (const text of ["", ".", "..", "null", `${cursor}.`, `.${cursor}`, cursor.toLowerCase()])
    expect(readCursor(KEY, WALKED, text), text).toBeUndefined();
});

test("a stretch goes on behind its last row, if there is one more", () => {
  const at = (row: string) => [row];
  expect(stretchOf(["a", "b", "c"], 2, at)).toEqual({ rows: ["a", "b"], next: ["b"] });
  expect(stretchOf(["a", "b"], 2, at)).toEqual({ rows: ["a", "b"], next: undefined });
  expect(stretchOf([], 2, at)).toEqual({ rows: [], next: undefined });
});
