import { expect, test } from "vitest";
import { decide } from "../../../server/domain/authentication/decide.ts";
import { readIdentity } from "../../../server/domain/authentication/identity.ts";

test("each state of a device and its key has one decision", () => {
  expect(decide("unknown", "unknown")).toBe("addDevice");
  const ofKnown = (["unknown", "pending", "rejected", "preauthorized", "accepted"] as const).map((set) => [
    set,
    decide("known", set),
  ]);
  expect(Object.fromEntries(ofKnown)).toEqual({
    unknown: "addSet",
    pending: "wait",
    rejected: "refuse",
    preauthorized: "promote",
    accepted: "issue",
  });
  expect(() => decide("unknown", "accepted")).toThrow("belongs to no device");
});

test("an identity is the same whatever its order and spaces, and another one if a value differs", () => {
  const hash = (text: string): string | undefined => readIdentity(text)?.hash.toString("hex");
  const one = hash('{"mac":"00:11","sn":["1","2"]}');
  expect(one).toMatch(/^[0-9a-f]{64}$/);
  expect(hash('{ "sn": ["1", "2"], "mac": "00:11" }')).toBe(one);
  expect(hash('{"mac":"00:11","sn":["2","1"]}')).not.toBe(one);
  expect(hash('{"mac":"00:11","sn":"1"}')).not.toBe(one);
});

for (const text of [
  "",
  "{}",
  "[]",
  "null",
  '"x"',
  "{",
  '{"a":1}',
  '{"a":null}',
  '{"a":[1]}',
  '{"":"x"}',
  '{"a":"\\ud800"}',
])
  test(`${text} is no identity`, () => {
    expect(readIdentity(text)).toBeUndefined();
  });
