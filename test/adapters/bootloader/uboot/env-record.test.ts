import { describe, expect, test } from "vitest";
import {
  decodeRecord,
  type EnvRecord,
  encodeRecord,
  newestCopy,
  variablesOf,
  withPairs,
} from "../../../../adapters/bootloader/uboot/env-record.ts";

const SIZE = 64;
const record = (...entries: string[]): EnvRecord => ({ flags: 1, entries });
const encoded = (...entries: string[]): Buffer => encodeRecord(record(...entries), SIZE);

test("what is encoded is decoded again, with its flags or without", () => {
  for (const flags of [{}, { flags: 0 }, { flags: 255 }]) {
    for (const entries of [[], ["a=1"], ["a=1", "b=", "c=x=y z"]]) {
      expect(decodeRecord(encodeRecord({ ...flags, entries }, SIZE), "flags" in flags)).toEqual({ ...flags, entries });
    }
  }
});

test("any changed byte but the flags makes a copy invalid", () => {
  for (let at = 0; at < SIZE; at += 1) {
    const bytes = encoded("a=1", "b=2");
    bytes.writeUInt8((bytes[at] ?? 0) ^ 1, at);
    if (at === 4) expect(decodeRecord(bytes, true)?.flags).toBe(0);
    else expect(decodeRecord(bytes, true), `byte ${at}`).toBeUndefined();
  }
});

test("strings that fill the storage to its last byte fit, and one byte more is refused", () => {
  const fits = `a=${"x".repeat(SIZE - 5 - 2 - 2)}`;
  expect(decodeRecord(encoded(fits), true)?.entries).toEqual([fits]);
  expect(() => encoded(`${fits}x`)).toThrow(
    expect.objectContaining({ code: "BOOTENV_FULL", detail: { needsBytes: SIZE + 1, sizeBytes: SIZE } }),
  );
});

describe("of two copies the boot loader takes", () => {
  const torn = undefined;
  for (const [one, two, expected] of [
    [1, 2, 1],
    [2, 1, 0],
    [7, 7, 0],
    [255, 0, 1],
    [0, 255, 0],
    [254, 255, 1],
    [0, 1, 1],
    [torn, 1, 1],
    [9, torn, 0],
    [torn, torn, undefined],
  ] as const) {
    test(`of ${one ?? "a torn one"} and ${two ?? "a torn one"} ${expected === undefined ? "neither" : `number ${expected + 1}`}`, () => {
      const copy = (flags: number | undefined) => (flags === undefined ? undefined : { flags, entries: [] });
      expect(newestCopy(copy(one), copy(two))).toBe(expected);
    });
  }
});

test("the last of several equal names counts, and text that is no variable is ignored", () => {
  expect(variablesOf(record("a=1", "noise", "=x", "a=2", "b=3=4"))).toEqual(
    new Map([
      ["a", "2"],
      ["b", "3=4"],
    ]),
  );
});

test("a change keeps order and neighbours, byte for byte, and leaves one of equal names", () => {
  const pairs = new Map([
    ["b", "9"],
    ["new", "ü"],
    ["gone", ""],
    ["never", ""],
  ]);
  expect(withPairs(["a=\xff", "b=1", "noise", "b=2", "gone=1", "c=3"], pairs)).toEqual([
    "a=\xff",
    "b=9",
    "noise",
    "c=3",
    "new=\xc3\xbc",
  ]);
  expect(variablesOf(record("new=\xc3\xbc"))).toEqual(new Map([["new", "ü"]]));
});
