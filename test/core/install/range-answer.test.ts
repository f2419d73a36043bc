import { expect, test } from "vitest";
import { checkRangeResponse, factsOf, rangeHeaders } from "../../../src/core/install/range-answer.ts";

const FACTS = { lengthBytes: 1000, etag: '"a"', lastModified: "Sun, 22 Nov 2026 00:00:00 GMT" };
const WANTED = { fromByte: 400, toByte: 1000 };

const check = (status: number, headers: Record<string, string>) => checkRangeResponse(status, headers, WANTED, FACTS);
const part = (range: string, more = {}) => check(206, { "content-range": `bytes ${range}`, ...more });
const bytes = (fromByte: number, toByte: number) => ({ kind: "bytes", range: { fromByte, toByte } });

test("a first answer describes the source, or nothing if there is no length", () => {
  expect(factsOf({ "content-length": "1000", etag: '"a"', "last-modified": FACTS.lastModified })).toEqual(FACTS);
  expect(factsOf({ "content-length": "5" })).toEqual({ lengthBytes: 5 });
  for (const length of ["0", "-1", "1e3", "", "99999999999999999999"])
    expect(factsOf({ "content-length": length })).toBeUndefined();
  expect(factsOf({})).toBeUndefined();
});

test("a range ends at the last byte of what is wanted, and holds only for a source with the same strong ETag", () => {
  expect(rangeHeaders(WANTED, FACTS)).toEqual({ Range: "bytes=400-999", "If-Range": '"a"' });
  expect(rangeHeaders(WANTED, { lengthBytes: 1000, etag: 'W/"a"' })).toEqual({ Range: "bytes=400-999" });
  expect(rangeHeaders(WANTED, { lengthBytes: 1000 })).toEqual({ Range: "bytes=400-999" });
});

test("the range that was asked for is taken, a longer one before it and a shorter one behind it, too", () => {
  expect(part("400-999/1000")).toEqual(bytes(400, 1000));
  expect(part("400-999/*")).toEqual(bytes(400, 1000));
  expect(part("0-999/1000")).toEqual(bytes(0, 1000));
  expect(part("400-400/1000")).toEqual(bytes(400, 401));
});

for (const range of ["401-999/1000", "0-399/1000", "400-1000/*", "600-500/1000", "400-999", "a-b/c", ""]) {
  test(`Content-Range "${range}" is refused for good`, () => {
    expect(part(range).kind).toBe("refused");
  });
}

test("another length, ETag or date is another source", () => {
  expect(part("400-999/1001")).toEqual({ kind: "changed", reason: "another length" });
  expect(part("400-999/1000", { etag: '"b"' })).toEqual({ kind: "changed", reason: "another ETag" });
  const later = { "last-modified": "Sun, 22 Nov 2026 00:00:01 GMT" };
  expect(part("400-999/1000", later)).toEqual({ kind: "changed", reason: "another date" });
  expect(part("400-999/1000", { ...later, etag: '"a"' })).toEqual(bytes(400, 1000));
  expect(check(416, {})).toEqual({ kind: "changed", reason: "there is no such range" });
});

test("a server that does not know ranges gives the whole, where it is the same", () => {
  expect(check(200, { "content-length": "1000" })).toEqual(bytes(0, 1000));
  expect(check(200, { "content-length": "1000", etag: '"b"' }).kind).toBe("changed");
  expect(check(200, { "content-length": "999" }).kind).toBe("changed");
  expect(check(200, {}).kind).toBe("changed");
});

for (const [status, kind] of [
  [408, "again"],
  [429, "again"],
  [500, "again"],
  [503, "again"],
  [401, "refused"],
  [403, "refused"],
  [404, "refused"],
  [302, "refused"],
] as const) {
  test(`status ${status} ${kind === "again" ? "passes" : "is the end"}`, () => {
    expect(check(status, {}).kind).toBe(kind);
  });
}
