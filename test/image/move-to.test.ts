import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { moveTo } from "../../image/move-to.ts";

let folder: string;
const at = (name: string): string => join(folder, name);
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "switchback-move-"));
  await writeFile(at("image"), "old");
});
afterEach(() => rm(folder, { recursive: true }));

test("a new image takes the place of an older one", async () => {
  await writeFile(at("new"), "new");
  await moveTo(at("new"), at("image"), at("aside"));
  expect(await readFile(at("image"), "utf8")).toBe("new");
});

test("if the new image cannot take its place, the older one is back", async () => {
  await expect(moveTo(at("missing"), at("image"), at("aside"))).rejects.toMatchObject({ code: "ENOENT" });
  expect(await readFile(at("image"), "utf8")).toBe("old");
});
