import { mkdtemp, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { diskActs, ensureFolder, type FileActs } from "../../src/util/durable-file.ts";

let dir = "";
let synced: string[] = [];
const acts: FileActs = {
  ...diskActs,
  async syncFolder(path) {
    await diskActs.syncFolder(path);
    synced.push(path.slice(dir.length));
  },
};
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), "durable-"));
  synced = [];
});
afterEach(() => rm(dir, { recursive: true }));

test("a folder that is made is durable in the one above it, and so is each that was made on the way", async () => {
  await ensureFolder(join(dir, "a/b/c"), 0o700, acts);
  expect(synced).toEqual(["/a/b", "/a", ""]);
  expect((await stat(join(dir, "a/b/c"))).mode & 0o777).toBe(0o700);
});

test("a folder that is there costs nothing", async () => {
  await ensureFolder(dir, 0o700, acts);
  expect(synced).toEqual([]);
});

test("a folder where the kernel makes none is an error, and nobody waits for it", async () => {
  await expect(diskActs.makeFolder("/proc/self/a/b", 0o700)).rejects.toMatchObject({ code: "ENOENT" });
  await writeFile(join(dir, "file"), "");
  await expect(diskActs.makeFolder(join(dir, "file"), 0o700)).rejects.toMatchObject({ code: "EEXIST" });
  await expect(diskActs.makeFolder(join(dir, "file/a"), 0o700)).rejects.toMatchObject({ code: "ENOTDIR" });
});

test("a file that is stored must be new", async () => {
  const pieces = ["one ", "two"];
  const read = (into: Uint8Array): number => Buffer.from(into.buffer).write(pieces.shift() ?? "");
  await diskActs.storeSynced(join(dir, "file"), read, 0o600);
  await expect(diskActs.storeSynced(join(dir, "file"), read, 0o600)).rejects.toMatchObject({ code: "EEXIST" });
  expect((await stat(join(dir, "file"))).size).toBe(7);
});
