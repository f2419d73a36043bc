import { existsSync, readdirSync } from "node:fs";
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

/** Guides that tests of their own follow: under QEMU, with BitBake, on a Debian that systemd has started, or with PostgreSQL. */
const ELSEWHERE = {
  "ci-with-qemu.md": "test/system/qemu/ci-guide.test.ts",
  "packages.md": "test/docs/debian-device.tools.test.ts",
  "scaling.md": "test/system/server/nodes.test.ts",
  "server-production.md": "test/server/cli/production-guide.server.test.ts",
  "server.md": "test/server/cli/start.server.test.ts",
  "yocto.md": "test/yocto/bitbake.yocto.test.ts",
};

test("every guide is followed by a test", () => {
  const known = new Set(["README.md", ...Object.keys(WALKS), ...Object.keys(ELSEWHERE)]);
  expect(readdirSync("docs/guides").filter((name) => name.endsWith(".md") && !known.has(name))).toEqual([]);
  const present = Object.entries(ELSEWHERE).filter(([name]) => existsSync(`docs/guides/${name}`));
  expect(present.filter(([, file]) => !existsSync(file))).toEqual([]);
});
