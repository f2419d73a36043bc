import { readdirSync } from "node:fs";
import { afterAll, beforeAll, expect } from "vitest";
import { Lab } from "../cli/examples/lab.ts";
import { BuiltProgram } from "../support/built-program.ts";
import { needs } from "../support/needs.ts";
import { walkThrough } from "./walk/walk.ts";
import { WALKS } from "./walk/walks.ts";

const { test } = needs("namespaces", "mount", "loop");

let lab: Lab;
beforeAll(async () => {
  lab = await Lab.make(await BuiltProgram.build());
});
afterAll(() => lab.close());

for (const [name, walk] of Object.entries(WALKS))
  test(`a reader who does what docs/guides/${name} says, from top to bottom, gets what it says`, async () => {
    expect(await walkThrough(`docs/guides/${name}`, walk, lab)).toBeGreaterThan(0);
  });

/** Guides whose blocks run one by one, each in a situation of its own: test/docs/page-examples.tools.test.ts. */
const ONE_BY_ONE = [
  "change-artifacts.md",
  "convert-image.md",
  "image-files.md",
  "images.md",
  "inspect-image.md",
  "managed.md",
  "packages.md",
  "snapshot.md",
  "switch-from-mender.md",
  "update-modules.md",
];

test("every guide is followed by a test", () => {
  const known = new Set(["README.md", ...Object.keys(WALKS), ...ONE_BY_ONE]);
  expect(readdirSync("docs/guides").filter((name) => !known.has(name))).toEqual([]);
});
