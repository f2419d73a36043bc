import { expect, test } from "vitest";
import type { ArtifactInfo, Depends } from "../../../src/artifact/model.ts";
import { checkDepends } from "../../../src/core/install/depends.ts";

function info(depends: Depends, ofPayload: Depends = {}): ArtifactInfo {
  const payload = { type: "rootfs-image", provides: {}, depends: ofPayload, typeInfo: "{}", files: [] };
  const head = { version: 3, compression: "none", name: "v2", signature: { present: false }, scripts: [] } as const;
  return { ...head, deviceTypes: ["board", "other"], depends, payloads: [payload], headerInfo: "{}" };
}
const PROVIDES = { artifact_name: "v1", artifact_group: "beta", "rootfs-image.version": "v1" };

test("an Artifact for this device that asks for what it provides is taken", () => {
  const asked = info({ artifact_name: ["v0", "v1"], artifact_group: ["beta"] }, { "rootfs-image.version": ["v1"] });
  expect(() => checkDepends(asked, "board", PROVIDES)).not.toThrow();
});

test("an Artifact for other devices is refused", () => {
  expect(() => checkDepends(info({}), "toaster", PROVIDES)).toThrow(
    expect.objectContaining({ code: "DEVICE_TYPE_MISMATCH", detail: { device: "toaster", artifact: "board,other" } }),
  );
});

const REFUSED: readonly (readonly [string, ArtifactInfo, object])[] = [
  ["another value", info({ artifact_name: ["v0", "v3"] }), { key: "artifact_name", device: "v1", artifact: "v0,v3" }],
  ["a key that is not set", info({}, { app: ["1"] }), { key: "app", device: "(not set)", artifact: "1" }],
  ["no value at all", info({ artifact_name: [] }), { key: "artifact_name", device: "v1", artifact: "" }],
  ["a key that every object has", info({ toString: ["x"] }), { key: "toString", device: "(not set)", artifact: "x" }],
];
for (const [title, artifact, detail] of REFUSED) {
  test(`an Artifact that asks for ${title} is refused`, () => {
    expect(() => checkDepends(artifact, "board", PROVIDES)).toThrow(
      expect.objectContaining({ code: "DEPENDS_MISMATCH", detail }),
    );
  });
}
