import type { Metafile } from "esbuild";
import { expect, test } from "vitest";
import { type Budget, weigh } from "../../scripts/lib/bundle-budget.ts";

const budget: Budget = {
  packages: new Set(["zod"]),
  eagerPackages: new Set(),
  totalBytes: 1000,
  startBytes: 300,
  residentBytes: 400,
};
const input = (bytesInOutput: number) => ({ bytesInOutput });
const output = (bytes: number, inputs: Record<string, number>, imports: readonly string[] = []) => ({
  bytes,
  inputs: Object.fromEntries(Object.entries(inputs).map(([path, size]) => [path, input(size)])),
  imports: imports.map((path) => ({ path: `dist/chunks/${path}`, kind: "import-statement" as const })),
  exports: [],
});
const lean = {
  "dist/switchback.mjs": { ...output(200, { "src/main.ts": 180 }), entryPoint: "src/main.ts" },
  "dist/chunks/schema.mjs": output(600, { "node_modules/zod/mini/index.js": 500, "src/config/schema.ts": 90 }),
};
const problemsOf = (outputs: Metafile["outputs"]) => weigh({ inputs: {}, outputs }, budget).problems;

test("a bundle within its budget has no problems, and is listed by package", () => {
  const weighed = weigh({ inputs: {}, outputs: lean }, budget);
  expect(weighed).toMatchObject({ totalBytes: 800, startBytes: 200, startPackages: [], problems: [] });
  expect(weighed.byPackage).toEqual([
    ["zod", 500],
    ["src/main.ts", 180],
    ["src/config", 90],
  ]);
});

test("a package that is not on the list is a problem, however small and however deep", () => {
  const inputs = { "node_modules/zod/node_modules/@scope/left-pad/index.js": 1 };
  const outputs = { ...lean, "dist/chunks/new.mjs": output(10, inputs) };
  expect(problemsOf(outputs)).toEqual(["new package: @scope/left-pad"]);
});

test("a package that the entry imports through another chunk counts as loaded at start-up", () => {
  const entry = { ...output(90, { "src/main.ts": 80 }, ["a.mjs"]), entryPoint: "src/main.ts" };
  const outputs = {
    "dist/switchback.mjs": entry,
    "dist/chunks/a.mjs": output(100, { "src/cli/a.ts": 90 }, ["b.mjs"]),
    "dist/chunks/b.mjs": output(100, { "node_modules/zod/index.js": 90 }),
  };
  expect(problemsOf(outputs)).toEqual(["loaded at start-up: zod"]);
});

test("too many bytes in all and too many at start-up are told apart", () => {
  const big = { ...output(301, { "src/main.ts": 300 }), entryPoint: "src/main.ts" };
  expect(problemsOf({ ...lean, "dist/switchback.mjs": big })).toEqual(["start-up: 301 bytes, 300 are allowed"]);
  const heavy = output(801, { "src/core/x.ts": 800 });
  expect(problemsOf({ ...lean, "dist/chunks/schema.mjs": heavy })).toEqual(["all files: 1001 bytes, 1000 are allowed"]);
});

test("what the daemon keeps is told apart from what every command loads", () => {
  const daemon = {
    ...output(50, { "src/cli/managed/daemon-action.ts": 40 }, ["schema.mjs"]),
    entryPoint: "src/cli/managed/daemon-action.ts",
  };
  expect(problemsOf({ ...lean, "dist/chunks/daemon-action.mjs": daemon })).toEqual([
    "resident with the daemon: zod",
    "the daemon: 850 bytes, 400 are allowed",
  ]);
});

test("a bundle without an entry is a problem", () => {
  expect(problemsOf({ "dist/chunks/schema.mjs": lean["dist/chunks/schema.mjs"] })).toEqual([
    "there is no entry in the bundle",
  ]);
});
