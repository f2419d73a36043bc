import { execFileSync } from "node:child_process";
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { bundleHarness, HARNESS, HARNESS_BUDGET, weighHarness } from "../../scripts/lib/harness-bundle.ts";
import { VERSION } from "../../src/version.ts";

const folder = mkdtempSync(join(tmpdir(), "switchback-harness-bundle-"));
afterAll(() => rmSync(folder, { recursive: true }));

test("the harness is one file that runs from any folder, and stays within a budget of its own", async () => {
  const metafile = await bundleHarness(folder);
  expect(weighHarness(metafile, HARNESS_BUDGET).problems).toEqual([]);
  expect(readdirSync(folder)).toEqual([HARNESS]);
  const said = execFileSync(join(folder, HARNESS), ["--version"], { cwd: "/", encoding: "utf8" });
  expect(said.trim()).toBe(VERSION);
  const help = execFileSync(join(folder, HARNESS), ["test", "--help"], { cwd: "/", encoding: "utf8" });
  expect(help).toContain("Examples:\n  switchback-qemu test disk.img");
});

test("a package too many, a byte too many, and an empty bundle are problems", async () => {
  const metafile = await bundleHarness(folder);
  const budget = { packages: new Set([...HARNESS_BUDGET.packages].filter((name) => name !== "ssh2")), bytes: 1000 };
  const { problems, bytes } = weighHarness(metafile, budget);
  expect(problems).toEqual(["new package of the harness: ssh2", `the harness: ${bytes} bytes, 1000 are allowed`]);
  expect(weighHarness({ inputs: {}, outputs: {} }, HARNESS_BUDGET).problems).toEqual(["the harness is empty"]);
});
