import type { Metafile } from "esbuild";
import { expect, test } from "vitest";
import { type Budget, toolsOnly, weigh } from "../../scripts/lib/bundle-budget.ts";

const budget: Budget = {
  packages: new Set(["zod"]),
  toolsPackages: new Set(["js-yaml"]),
  eagerPackages: new Set(),
  totalBytes: 1000,
  toolsBytes: 500,
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

test("too many bytes in all and too many at start-up are reported separately", () => {
  const big = { ...output(301, { "src/main.ts": 300 }), entryPoint: "src/main.ts" };
  expect(problemsOf({ ...lean, "dist/switchback.mjs": big })).toEqual(["start-up: 301 bytes, 300 are allowed"]);
  const heavy = output(801, { "src/core/x.ts": 800 });
  expect(problemsOf({ ...lean, "dist/chunks/schema.mjs": heavy })).toEqual(["all files: 1001 bytes, 1000 are allowed"]);
});

test("what the daemon keeps is weighed separately from what every command loads", () => {
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

/** An entry whose command `image` loads its action, which shares a chunk with the device and one with another tool. */
const withTools = (toolBytes: number, packages: Record<string, number>, ownImports: readonly string[] = []) => {
  const lazily = (...paths: readonly string[]) =>
    paths.map((path) => ({ path: `dist/chunks/${path}`, kind: "dynamic-import" as const }));
  const command = "src/cli/image/image-command.ts";
  const [create, modify] = ["src/cli/image/create-action.ts", "src/cli/artifact/modify-action.ts"];
  return {
    "dist/switchback.mjs": {
      ...output(200, { "src/main.ts": 180 }, ["shared.mjs", ...ownImports]),
      imports: [...output(0, {}, ["shared.mjs", ...ownImports]).imports, ...lazily("command.mjs", "modify.mjs")],
      entryPoint: "src/main.ts",
    },
    "dist/chunks/command.mjs": { ...output(50, { [command]: 50 }), imports: lazily("create.mjs"), entryPoint: command },
    "dist/chunks/create.mjs": { ...output(toolBytes, packages, ["shared.mjs", "both.mjs"]), entryPoint: create },
    "dist/chunks/modify.mjs": { ...output(40, {}, ["both.mjs"]), imports: lazily("late.mjs"), entryPoint: modify },
    "dist/chunks/shared.mjs": output(20, { "src/util/x.ts": 20 }),
    "dist/chunks/both.mjs": output(30, { "src/image/y.ts": 30 }),
    "dist/chunks/late.mjs": output(5, { "src/image/z.ts": 5 }),
  };
};

test("what only commands for build hosts reach has an account of its own", () => {
  const outputs = withTools(100, { "node_modules/js-yaml/index.js": 90 });
  const names = toolsOnly(outputs).map((path) => path.replace("dist/chunks/", ""));
  expect(names.toSorted()).toEqual(["both.mjs", "create.mjs", "late.mjs", "modify.mjs"]);
  expect(weigh({ inputs: {}, outputs }, budget)).toMatchObject({ totalBytes: 270, toolsBytes: 175, problems: [] });
});

test("a tool that the device's code imports statically counts for the device, with its packages", () => {
  const outputs = withTools(100, { "node_modules/js-yaml/index.js": 90 }, ["create.mjs"]);
  expect(weigh({ inputs: {}, outputs }, budget)).toMatchObject({ totalBytes: 400, toolsBytes: 45 });
  expect(problemsOf(outputs)).toContain("new package: js-yaml");
});

test("tools that are too large, and packages that they may not contain, are named", () => {
  const outputs = withTools(426, { "node_modules/left-pad/index.js": 90 });
  expect(problemsOf(outputs)).toEqual(["new package of the tools: left-pad", "the tools: 501 bytes, 500 are allowed"]);
});
