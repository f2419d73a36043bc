import { mkdir, mkdtemp, readdir, readFile, rm, utimes, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { afterAll, beforeAll, expect, test, vi } from "vitest";

const BUILDERS = ["image"];

let folder: string;
let cache: typeof import("../../image/cache.ts");
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "switchback-cache-"));
  vi.stubEnv("XDG_CACHE_HOME", folder);
  // The module reads the variable when it is loaded, and another file may have loaded it.
  vi.resetModules();
  cache = await import("../../image/cache.ts");
});
afterAll(async () => {
  vi.unstubAllEnvs();
  await rm(folder, { recursive: true });
});

const made = (name: string, inputs: readonly string[], content: string): Promise<string> =>
  cache.cached(name, inputs, BUILDERS, (path) => writeFile(join(path, "file"), content));

test("equal inputs are built once, and other inputs are built again", async () => {
  const first = await made("thing", ["a", "bc"], "first");
  expect(await made("thing", ["a", "bc"], "second")).toBe(first);
  expect(await readFile(join(first, "file"), "utf8")).toBe("first");
  expect(await made("thing", ["ab", "c"], "third")).not.toBe(first);
});

test("a build that fails leaves nothing, and is made by the next", async () => {
  const failing = cache.cached("broken", [], BUILDERS, async (path) => {
    await writeFile(join(path, "half"), "");
    throw new Error("no space");
  });
  await expect(failing).rejects.toThrow("no space");
  expect((await readdir(join(folder, "switchback-qemu"))).filter((name) => name.includes("broken"))).toEqual([]);
  expect(await readdir(await made("broken", [], "whole"))).toEqual(["file"]);
});

test("what has not been used for a week is removed when something else is built, and nothing else is", async () => {
  const apt = join(folder, "switchback-qemu", "apt");
  await mkdir(apt, { recursive: true });
  const [unused, used, young] = [
    await made("unused", [], "1"),
    await made("used", [], "2"),
    await made("young", [], "3"),
  ];
  const cutOff = await mkdtemp(join(folder, "switchback-qemu", ".thing-"));
  const daysAgo = (days: number): Date => new Date(Date.now() - days * 24 * 60 * 60 * 1000);
  for (const path of [apt, unused, used, cutOff]) await utimes(path, daysAgo(8), daysAgo(8));
  await utimes(young, daysAgo(6), daysAgo(6));
  expect(await made("used", [], "again")).toBe(used);
  await made("other", [], "4");
  const left = await readdir(join(folder, "switchback-qemu"));
  expect(left.filter((name) => name.startsWith(".") || name.startsWith("unused"))).toEqual([]);
  expect(left).toEqual(expect.arrayContaining([apt, used, young].map((path) => basename(path))));
});
