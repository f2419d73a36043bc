import { expect, test } from "vitest";
import { providesAfter } from "../../../src/core/deployment/provides-after.ts";
import { begin, type Snapshot } from "../../../src/core/deployment/snapshot.ts";

const ARTIFACT = { name: "v2", provides: { "rootfs-image.version": "v2" }, payloadTypes: ["rootfs-image"] };
const STORED = new Map([
  ["artifact-name", "v1"],
  ["artifact-group", "beta"],
  ["artifact-provides", '{"rootfs-image.version":"v1"}'],
]);
const NOTHING = {};
const COMMITTED = {
  "artifact-name": "v2",
  "artifact-group": "beta",
  "artifact-provides": '{"rootfs-image.version":"v2"}',
};

const CASES: readonly (readonly [title: string, Partial<Snapshot>, object])[] = [
  ["a commit records the new name and provides", {}, COMMITTED],
  ["a failure that did no harm records nothing", { failed: true }, NOTHING],
  ["a rollback after a commit records nothing", { rolledBack: true }, NOTHING],
  [
    "a damaged managed update marks the name and keeps the old provides",
    { failed: true, inconsistent: true },
    {
      "artifact-name": "v2_INCONSISTENT",
      "artifact-group": "beta",
      "artifact-provides": '{"rootfs-image.version":"v1"}',
    },
  ],
  [
    "a damaged standalone update marks the name and takes the new provides",
    { mode: "standalone", failed: true, inconsistent: true },
    {
      "artifact-name": "v2_INCONSISTENT",
      "artifact-group": "beta",
      "artifact-provides": '{"rootfs-image.version":"v2"}',
    },
  ],
  [
    "damage after a good rollback is still damage",
    { failed: true, inconsistent: true, rolledBack: true },
    {
      "artifact-name": "v2_INCONSISTENT",
      "artifact-group": "beta",
      "artifact-provides": '{"rootfs-image.version":"v1"}',
    },
  ],
];

for (const [title, change, expected] of CASES) {
  test(title, () => {
    expect(Object.fromEntries(providesAfter({ ...begin("managed", "id", ARTIFACT), ...change }, STORED))).toEqual(
      expected,
    );
  });
}

test("a name is marked once", () => {
  const s = { ...begin("managed", "id", { ...ARTIFACT, name: "v2_INCONSISTENT" }), inconsistent: true };
  expect(providesAfter(s, STORED).get("artifact-name")).toBe("v2_INCONSISTENT");
});
