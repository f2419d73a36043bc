import { mkdir, mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { SKELETONS } from "../../../src/cli/adapter/skeletons.ts";
import { BOOTLOADER_CONTRACT } from "../../../src/contracts/bootloader.ts";
import { BOOTLOADER_READ_CONTRACT } from "../../../src/contracts/bootloader-reads.ts";
import { BOOTLOADER_STORAGE_CONTRACT } from "../../../src/contracts/bootloader-storage.ts";
import { cli, codesOf, MEMORY_FOLDER } from "../../support/test-board.ts";
import { toyModule, toyWithStore } from "./toy.ts";

const PROMISES = BOOTLOADER_CONTRACT.length + BOOTLOADER_STORAGE_CONTRACT.length + BOOTLOADER_READ_CONTRACT.length;

let dir = "";
beforeEach(async () => {
  dir = await mkdtemp(join(MEMORY_FOLDER, "switchback-cli-adapter-"));
});
afterEach(() => rm(dir, { recursive: true }));
afterEach(() => void vi.unstubAllEnvs());

/** @returns the broken promises, and the exit status of the check */
async function check(code: string, ...options: readonly string[]) {
  const path = join(dir, "toy.mjs");
  await writeFile(path, code);
  const result = await cli("switchback", ["adapter", "check", path, "--json", ...options]);
  const verdicts = result.out.map((line): { promise: string; kept: boolean; reason?: string } => JSON.parse(line));
  return { ...result, verdicts, broken: verdicts.filter(({ kept }) => !kept).map(({ promise }) => promise) };
}

test("a skeleton that is not filled in fails the check, which names what is missing", async () => {
  const { exitCode, err } = await check(SKELETONS.bootloader.js("toy"));
  expect({ exitCode, err }).toEqual({
    exitCode: 1,
    err: [
      "Could not fulfill request: ADAPTER_INVALID: The adapter is not of the required kind, or a part of it is missing or has the wrong type. (missing=booted, plan, arm, confirm, revert)",
    ],
  });
});

test("the check names the function that is missing from a skeleton", async () => {
  const code = toyModule({ confirm: `throw unfilled("confirm");` });
  expect((await check(code)).err.join()).toMatch(/\(missing=confirm\)$/);
});

test("a skeleton passes the check once its five functions are filled in", async () => {
  const { exitCode, verdicts, broken } = await check(toyModule());
  expect({ exitCode, broken, promises: verdicts.length }).toEqual({ exitCode: 0, broken: [], promises: PROMISES });
});

const CUT = "a power cut anywhere in arming leaves the old plan or the new one";

/** Each row is a good adapter with one mistake, and the name of the promise that fails. */
const SABOTAGES: Readonly<Record<string, readonly [code: string, promise: string]>> = {
  "arms without a trial": [
    toyModule({ arm: `await write({ ...point(slot), upgrade_available: "0" });` }),
    "arming plans the other slot on trial and leaves the running slot unchanged",
  ],
  "writes in two steps that a cut can split": [
    toyModule({
      arm: `await write(point(slot));
        await write({ upgrade_available: "1", bootcount: "0" });`,
    }),
    CUT,
  ],
  "confirms and forgets the counter": [
    toyModule({ confirm: `await write({ bootcount: "0" });` }),
    "a confirmed slot boots at every power-on",
  ],
  "reverts to the wrong slot": [
    toyModule({ revert: `await write({ ...point(slot === "A" ? "B" : "A"), upgrade_available: "0" });` }),
    "reverting before the reboot cancels the trial",
  ],
  "reads what is booted from the environment": [
    toyModule({ booted: `return (await read()).get("mender_boot_part") === "2" ? "A" : "B";` }),
    "the adapter reads the running slot from the running system, never from the boot environment",
  ],
  "plans the trial still, after a fall-back": [
    toyModule({ plan: `return { slot: "B", trial: Number((await read()).get("bootcount")) > 0 };` }),
    "booted and plan change nothing: after a fallback, they still show that the trial is over",
  ],
  "writes and does not sync": [
    toyWithStore(`const store = async (content) => {
      await context.files.writeSynced(env + ".new", content, 0o644);
      await context.files.rename(env + ".new", env);
    };`),
    "arming is durable once the adapter reports success",
  ],
  "writes the environment in place": [
    toyWithStore("const store = (content) => context.files.writeSynced(env, content, 0o644);"),
    CUT,
  ],
  "swallows an error": [
    toyModule({
      arm: `await write({ ...point(slot), upgrade_available: "1", bootcount: "0" }).catch(() => undefined /* ignored: the mistake */);`,
    }),
    "arming reports an error when writes to storage fail",
  ],
  "takes an environment that it cannot read for an empty one": [
    toyModule({
      plan: `const found = await read().catch(() => new Map() /* ignored: the mistake */);
        return { slot: found.get("mender_boot_part") === "3" ? "B" : "A", trial: found.get("upgrade_available") === "1" };`,
    }),
    "if a read fails, plan fails or gives the same answer",
  ],
  "writes past the files that it is given": [
    toyWithStore(`const store = async (content) => (await import("node:fs")).writeFileSync(env, content);`),
    CUT,
  ],
  "remembers in memory what it armed": [
    toyModule({
      arm: `this.armed = slot;`,
      plan: `return { slot: this.armed ?? "A", trial: this.armed !== undefined };`,
    }),
    "the next reboot starts the armed slot, still on trial",
  ],
};

describe("an adapter fails by the name of the promise that it breaks", () => {
  for (const [mistake, [code, promise]] of Object.entries(SABOTAGES)) {
    test(`one that ${mistake}`, async () => {
      const { exitCode, broken, verdicts } = await check(code, "--only", promise);
      expect(broken).toEqual([promise]);
      expect(verdicts.find((verdict) => verdict.promise === promise)?.reason).toMatch(/\S/);
      expect(exitCode).toBe(1);
    });
  }
});

test("people get a table with reasons, and a count", async () => {
  const path = join(dir, "toy.mjs");
  await writeFile(path, toyModule({ confirm: `await write({ bootcount: "0" });` }));
  const { out, exitCode } = await cli("switchback", ["adapter", "check", path, "--only", "a confirmed slot"]);
  expect(exitCode).toBe(1);
  expect(out[0]).toBe("BROKEN  a confirmed slot boots at every power-on");
  expect(out[1]).toMatch(/^ {8}\S/);
  expect(out.at(-1)).toBe("0 promises kept, 1 broken.");
});

test("a check that looks at no promise at all is not passed", async () => {
  const { exitCode, out } = await check(toyModule(), "--only", "no such promise");
  expect({ exitCode, out }).toEqual({ exitCode: 1, out: [] });
});

const REFUSED: Readonly<Record<string, readonly [code: string, error: string]>> = {
  "exports nothing of that name": ["export const other = 1;", "ADAPTER_INVALID"],
  "has neither kind nor create": [`export const adapter = { protocol: 1, name: "x" };`, "ADAPTER_INVALID"],
  "is for something else": [
    `export const adapter = { protocol: 1, kind: "device", name: "x", create: () => ({}) };`,
    "ADAPTER_INVALID",
  ],
  "creates something without the functions": [
    `export const adapter = { protocol: 1, kind: "bootloader", name: "x", create: () => ({ booted() {} }) };`,
    "ADAPTER_INVALID",
  ],
  "speaks another version": ["export const adapter = { protocol: 2 };", "ADAPTER_PROTOCOL"],
  "is no JavaScript": ["export const adapter = {", "ADAPTER_LOAD"],
};

describe("a module is refused before anything is asked of it", () => {
  for (const [what, [code, error]] of Object.entries(REFUSED)) {
    test(`one that ${what}`, async () => {
      const result = await check(code);
      expect({ codes: codesOf(result), exitCode: result.exitCode }).toEqual({ codes: [error], exitCode: 1 });
    });
  }

  test("a package that is not installed", async () => {
    const result = await cli("switchback", ["adapter", "check", "switchback-adapter-that-is-nowhere"]);
    expect(codesOf(result)).toEqual(["ADAPTER_LOAD"]);
  });

  test("a package, and a relative path, are looked up from the folder of the configuration", async () => {
    const { loadAdapterModule } = await import("../../../adapters/foreign/load-module.ts");
    const folder = join(dir, "node_modules/toy-adapter");
    await mkdir(folder, { recursive: true });
    await writeFile(join(folder, "package.json"), `{"name":"toy-adapter","main":"toy.mjs"}`);
    await writeFile(join(folder, "toy.mjs"), toyModule());
    for (const module of ["toy-adapter", "./node_modules/toy-adapter/toy.mjs"]) {
      expect((await loadAdapterModule("bootloader", { module, from: dir })).name).toBe("toy");
    }
  });
});

test("an invalid answer, and a failure with its own code, are reported", async () => {
  const path = join(dir, "toy.mjs");
  await writeFile(
    path,
    toyModule({ booted: `return "C";`, plan: `throw Object.assign(new Error("x"), { code: "Q" });` }),
  );
  const { out } = await cli("switchback", ["adapter", "check", path, "--only", "at rest", "--json"]);
  expect(out.join()).toContain("ADAPTER_ANSWER");
  await writeFile(join(dir, "other.mjs"), toyModule({ booted: `throw Object.assign(new Error("x"), { code: "Q" });` }));
  const other = await cli("switchback", ["adapter", "check", join(dir, "other.mjs"), "--only", "at rest", "--json"]);
  expect(other.out.join()).toMatch(/ADAPTER_FAILED.*error=Q/);
});

test("options that are no object are a mistake of the command line", async () => {
  expect(codesOf(await check(toyModule(), "--options", "[]"))).toEqual(["CLI_USAGE"]);
});

test("the sandbox leaves nothing behind", async () => {
  const tmp = join(dir, "tmp");
  await mkdir(tmp);
  vi.stubEnv("TMPDIR", tmp);
  await check(toyModule(), "--only", "at rest");
  expect(await readdir(tmp)).toEqual([]);
});

describe("a new skeleton", () => {
  let folder = "";
  beforeEach(() => {
    folder = process.cwd();
    process.chdir(dir);
  });
  afterEach(() => process.chdir(folder));

  test("is written in the language that was asked for, and never over a file", async () => {
    const make = (...argv: readonly string[]) => cli("switchback", ["adapter", "new", "bootloader", ...argv]);
    expect((await make("my-board", "--language", "sh")).exitCode).toBe(0);
    expect((await make("my-board")).exitCode).toBe(0);
    expect((await readdir(dir)).sort()).toEqual(["my-board.mjs", "my-board.sh"]);
    expect(codesOf(await make("my-board"))).toEqual(["ADAPTER_EXISTS"]);
  });

  test("has no name that is a path", async () => {
    const result = await cli("switchback", ["adapter", "new", "bootloader", "../board"]);
    expect(codesOf(result)).toEqual(["CLI_USAGE"]);
  });
});

test.each<[string, readonly string[], string]>([
  ["module", ["./nowhere.mjs"], "value=./nowhere.mjs"],
  ["program", ["./nowhere.sh"], "value=./nowhere.sh"],
  ["payload", ["--kind", "payload", "package.json", "--payload", "./nowhere"], "option=--payload"],
  ["firmware", ["package.json", "--firmware", "./nowhere"], "option=--firmware"],
])("a %s that is not there is named before anything is checked", async (_title, args, named) => {
  const { exitCode, err, out } = await cli("switchback", ["adapter", "check", ...args]);
  expect({ exitCode, out, lines: err.length }).toEqual({ exitCode: 1, out: [], lines: 1 });
  expect(err.join()).toMatch(new RegExp(`CLI_USAGE.*${named}.*there is no such file`));
});

test.each<[string, string, number, RegExp]>([
  ["cannot be started", "", 0o644, /does not answer 'factory'.*EACCES/],
  [
    "does not know its requests",
    "#!/bin/sh\necho error UNSUPPORTED\nexit 1\n",
    0o755,
    /does not answer 'factory'.*UNSUPPORTED/,
  ],
  [
    "makes a board that does not start",
    "#!/bin/sh\n[ $1 = factory ] && echo ok\n",
    0o755,
    /does not answer 'power-on up up'/,
  ],
])("firmware that %s is named as such, and not as an adapter", async (_title, code, mode, said) => {
  await writeFile(join(dir, "firmware"), code, { mode });
  const result = await check(toyModule(), "--firmware", join(dir, "firmware"));
  expect(codesOf(result)).toEqual(["CLI_USAGE"]);
  expect(result.err.join()).toMatch(/option=--firmware/);
  expect(result.err.join()).toMatch(said);
});

test("a program in the working folder needs no ./ before its name", async () => {
  const { err } = await cli("switchback", ["adapter", "check", "package.json"]);
  expect(err.join()).toMatch(/ADAPTER_LOAD.*program=\S*\/package.json/);
});
