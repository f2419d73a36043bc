import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test, vi } from "vitest";

let folder: string;
let cache: typeof import("../../qemu/image/cache.ts");
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "switchback-cache-"));
  vi.stubEnv("XDG_CACHE_HOME", folder);
  cache = await import("../../qemu/image/cache.ts");
});
afterAll(async () => {
  vi.unstubAllEnvs();
  await rm(folder, { recursive: true });
});

const made = (name: string, inputs: readonly string[], content: string): Promise<string> =>
  cache.cached(name, inputs, (path) => writeFile(join(path, "file"), content));

test("what was built of the same inputs is built once, and of others anew", async () => {
  const first = await made("thing", ["a", "bc"], "first");
  expect(await made("thing", ["a", "bc"], "second")).toBe(first);
  expect(await readFile(join(first, "file"), "utf8")).toBe("first");
  expect(await made("thing", ["ab", "c"], "third")).not.toBe(first);
});

test("a build that fails leaves nothing, and is made by the next", async () => {
  const failing = cache.cached("broken", [], async (path) => {
    await writeFile(join(path, "half"), "");
    throw new Error("no space");
  });
  await expect(failing).rejects.toThrow("no space");
  expect((await readdir(join(folder, "switchback-qemu"))).filter((name) => name.includes("broken"))).toEqual([]);
  expect(await readdir(await made("broken", [], "whole"))).toEqual(["file"]);
});
