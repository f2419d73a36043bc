import { execFile } from "node:child_process";
import { cp, mkdir, mkdtemp, readdir, readFile, rm, stat, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, expect, test } from "vitest";
import { bundle } from "../../scripts/lib/bundle.ts";
import { BUDGET, weigh } from "../../scripts/lib/bundle-budget.ts";

const run = promisify(execFile);
let dir = "";
let problems: readonly string[] = [];
let lazyPackages: readonly string[] = [];

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), "switchback-bundle-"));
  const metafile = await bundle(join(dir, "built"));
  const weighed = weigh(metafile, BUDGET);
  problems = weighed.problems;
  lazyPackages = weighed.byPackage.map(([name]) => name);
  await cp(join(dir, "built"), join(dir, "elsewhere"), { recursive: true });
});
afterAll(() => rm(dir, { recursive: true, force: true }));

test("the bundle contains nothing unexpected and stays within its budget", () => {
  expect(problems).toEqual([]);
  expect(lazyPackages).not.toContain("node-forge");
});

test("the built file is executable and runs from any folder without node_modules", async () => {
  const file = join(dir, "elsewhere/switchback.mjs");
  expect((await stat(file)).mode & 0o777).toBe(0o755);
  expect((await readFile(file, "utf8")).split("\n")[0]).toBe("#!/usr/bin/env node");
  const { stdout, stderr } = await run(file, ["--version"], { cwd: "/" });
  const { version } = JSON.parse(await readFile("package.json", "utf8"));
  expect({ stdout, stderr }).toEqual({ stdout: expect.stringContaining(version), stderr: "" });
});

test("the built file runs through a symbolic link of another name", async () => {
  await mkdir(join(dir, "bin"), { recursive: true });
  await symlink(join(dir, "elsewhere/switchback.mjs"), join(dir, "bin/mender-update"));
  const { stdout } = await run(join(dir, "bin/mender-update"), ["--help"], { cwd: "/" });
  expect(stdout).toMatch(/mender-update/);
});

test("an error says its sentence, and its code alone where the file with the sentences has been lost", async () => {
  const install = (folder: string) =>
    run(join(dir, folder, "switchback.mjs"), ["install", "--stop-before", "nowhere", "x"], { cwd: "/" }).catch(
      ({ stderr }: { stderr: string }) => stderr,
    );
  expect(await install("elsewhere")).toContain("CLI_USAGE: The command line is not valid. (");
  await cp(join(dir, "elsewhere"), join(dir, "torn"), { recursive: true });
  await rm(join(dir, "torn/chunks/errors.json"));
  expect(await install("torn")).toContain("CLI_USAGE: CLI_USAGE (");
});

test("every chunk loads, so no CommonJS package lacks its require", async () => {
  const chunks = (await readdir(join(dir, "elsewhere/chunks"))).filter((name) => name.endsWith(".mjs"));
  expect(chunks.length).toBeGreaterThan(5);
  const file = join(dir, "elsewhere/all.mjs");
  await writeFile(file, chunks.map((name) => `await import("./chunks/${name}");\n`).join(""));
  expect(await run(process.execPath, [file], { cwd: "/" })).toEqual({ stdout: "", stderr: "" });
});

test("a command whose code a device does not get runs from the tools beside it, or names their package", async () => {
  const device = join(dir, "lib/switchback");
  await cp(join(dir, "built"), device, { recursive: true });
  const [lost = ""] = (await readdir(join(device, "chunks"))).filter((name) => name.startsWith("artifact-command-"));
  await rm(join(device, "chunks", lost));
  const named = join(dir, "bin/switchback-artifact");
  await mkdir(join(dir, "bin"), { recursive: true });
  await symlink(join(device, "switchback.mjs"), named);
  const failed = (...argv: readonly string[]) =>
    run(argv[0] ?? "", argv.slice(1), { cwd: "/" }).catch(({ code, stderr }: { code: number; stderr: string }) => ({
      code,
      stderr,
    }));
  const alone = await failed(named, "read", "nothing.mender");
  expect(alone).toEqual({
    code: 1,
    stderr: expect.stringMatching(
      /^Could not fulfill request: TOOLS_MISSING: .*switchback-tools\. \(command=switchback-artifact read nothing.mender\)\n$/,
    ),
  });
  await cp(join(dir, "built"), join(dir, "lib/switchback-tools"), { recursive: true });
  expect(await failed(named, "read", "nothing.mender")).toEqual({
    code: 1,
    stderr: expect.stringContaining("ARTIFACT_READ"),
  });
  expect(await run(join(device, "switchback.mjs"), ["artifact", "read", "--help"])).toMatchObject({
    stdout: expect.stringContaining("Usage: switchback artifact read"),
  });
  await rm(join(dir, "lib/switchback-tools/chunks", lost));
  expect(await failed(named, "read", "nothing.mender"), "tools that are torn themselves").toMatchObject({
    stderr: expect.stringContaining("ERR_MODULE_NOT_FOUND"),
  });
});

test("error codes that the bundle leaves out of its catalogue are still recognised, and unknown codes are not", async () => {
  await bundle(join(dir, "packed"), "src/errors/packed-error.ts");
  const { unpackError } = await import(join(dir, "packed/switchback.mjs"));
  expect(unpackError({ code: "TOOLS_MISSING", message: "x" })).toMatchObject({ code: "TOOLS_MISSING" });
  expect(unpackError({ code: "FROM_THE_FUTURE", message: "x" })).toEqual(new Error("x"));
});
