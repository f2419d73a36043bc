import fc from "fast-check";
import { expect, test } from "vitest";
import {
  committedProvides,
  type DeviceProvides,
  flatProvides,
  type NewProvides,
  readProvides,
  writeProvides,
} from "../../../src/core/install/provides.ts";

const OLD: DeviceProvides = {
  name: "v1",
  group: "beta",
  provides: { "rootfs-image.version": "v1", "app.version": "7" },
};

const COMMITS: readonly (readonly [title: string, Omit<NewProvides, "name">, DeviceProvides])[] = [
  [
    "without a list clears everything but the group",
    { provides: { a: "1" } },
    { name: "v2", group: "beta", provides: { a: "1" } },
  ],
  [
    "with an empty list clears nothing",
    { provides: { a: "1" }, clearsProvides: [] },
    { ...OLD, name: "v2", provides: { ...OLD.provides, a: "1" } },
  ],
  [
    "clears what a glob matches",
    { provides: {}, clearsProvides: ["rootfs-image.*"] },
    { ...OLD, name: "v2", provides: { "app.version": "7" } },
  ],
  [
    "overlays what stays",
    { provides: { "app.version": "8" }, clearsProvides: ["x"] },
    { ...OLD, name: "v2", provides: { ...OLD.provides, "app.version": "8" } },
  ],
  [
    "clears once what overlapping globs match",
    { provides: {}, clearsProvides: ["app.*", "*.version", "rootfs-image.version", "app.version", "app*"] },
    { ...OLD, name: "v2", provides: {} },
  ],
  [
    "clears by no glob more than that glob says, however they overlap",
    { provides: {}, clearsProvides: ["app.version.*", "app.versio", "ap", "*.versions"] },
    { ...OLD, name: "v2" },
  ],
  [
    "clears by no glob whose beginning and end would need the same characters",
    { provides: {}, clearsProvides: ["app.ver*version", "app.version*.version", "*app*app.version", "a*ver*version"] },
    { ...OLD, name: "v2" },
  ],
  [
    "clears by a glob whose pieces touch",
    { provides: {}, clearsProvides: ["app.*version", "root*fs-*image.ver*sion"] },
    { ...OLD, name: "v2", provides: {} },
  ],
  ["takes a new group", { provides: {}, group: "stable" }, { name: "v2", group: "stable", provides: {} }],
  [
    "keeps the group when the new one is empty",
    { provides: {}, group: "" },
    { name: "v2", group: "beta", provides: {} },
  ],
  [
    "clears the group when a glob matches it",
    { provides: {}, clearsProvides: ["artifact_*"] },
    { name: "v2", provides: OLD.provides },
  ],
];
for (const [title, fresh, expected] of COMMITS) {
  test(`a commit ${title}`, () => {
    expect(committedProvides(OLD, { name: "v2", ...fresh })).toEqual(expected);
  });
}

const text = fc.string({ unit: fc.constantFrom("a", "b", ".", "*", "$", "("), maxLength: 8 });
test("a glob clears what the same regular expression matches", () => {
  fc.assert(
    fc.property(text, text, (glob, key) => {
      const pattern = glob.replace(/[.$(]/g, "\\$&").replaceAll("*", ".*");
      const old = { provides: { [key]: "1" } };
      const kept = committedProvides(old, { name: "n", provides: {}, clearsProvides: [glob] }).provides;
      expect(Object.keys(kept).length === 0).toBe(new RegExp(`^${pattern}$`).test(key));
    }),
    { numRuns: 2000 },
  );
});

test("a hostile glob does not slow down the match", () => {
  const glob = `${"a*".repeat(5000)}b`;
  const old = { provides: { ["a".repeat(20_000)]: "1" } };
  expect(
    Object.keys(committedProvides(old, { name: "n", provides: {}, clearsProvides: [glob] }).provides),
  ).toHaveLength(1);
});

test("what is written is read again, and what is empty is removed", () => {
  const stored = new Map([...writeProvides(OLD)].map(([key, value]) => [key, value ?? ""]));
  expect(readProvides(stored)).toEqual(OLD);
  expect(stored.get("artifact-provides")).toBe('{"app.version":"7","rootfs-image.version":"v1"}');
  expect([...writeProvides({ provides: {} }).values()]).toEqual([undefined, undefined, undefined]);
});

test("a new device provides nothing, and a flat map names the Artifact and the group", () => {
  expect(flatProvides(readProvides(new Map()))).toEqual({});
  expect(flatProvides(OLD)).toEqual({ ...OLD.provides, artifact_name: "v1", artifact_group: "beta" });
});

for (const unreadable of ["{", "[]", "null", '"text"']) {
  test(`a device whose recorded provides are ${unreadable} provides nothing but its name`, () => {
    const stored = new Map([
      ["artifact-name", "v1"],
      ["artifact-provides", unreadable],
    ]);
    expect(readProvides(stored)).toEqual({ name: "v1", provides: {} });
  });
}

test("of recorded provides, those that are no text count as their JSON text, and cost the others nothing", () => {
  const stored = new Map([["artifact-provides", '{"a":"1","b":["2",3],"c":null}']]);
  expect(readProvides(stored).provides).toEqual({ a: "1", b: '["2",3]', c: "null" });
});
