import { mkdir, mkdtemp, readFile, rm, stat, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { diskActs, ensureFolder, type FileActs, replaceFile } from "../../src/util/durable-file.ts";

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

const modeOf = async (path: string): Promise<number> => (await stat(path)).mode & 0o777;

for (const [what, leave] of [
  ["nothing", async () => undefined],
  ["a file that others can read", (path: string) => writeFile(path, "old", { mode: 0o644 })],
  ["a file that nobody can write", (path: string) => writeFile(path, "old", { mode: 0o400 })],
  ["a link into another file", (path: string) => symlink(join(dir, "victim"), path)],
  ["a link to itself", (path: string) => symlink(path, path)],
  ["a folder", (path: string) => mkdir(join(path, "in"), { recursive: true })],
] as const) {
  test(`with ${what} in the place of the temporary file, a secret gets its own mode and reaches no other file`, async () => {
    await writeFile(join(dir, "victim"), "untouched");
    await leave(join(dir, "key.new"));
    await replaceFile(join(dir, "key"), "secret", diskActs, 0o600);
    expect([await readFile(join(dir, "key"), "utf8"), await modeOf(join(dir, "key"))]).toEqual(["secret", 0o600]);
    expect(await readFile(join(dir, "victim"), "utf8")).toBe("untouched");
  });
}

test("a file has the mode that was asked for, whatever the umask", async () => {
  const before = process.umask(0o077);
  try {
    await replaceFile(join(dir, "hosts"), "127.0.0.1 localhost\n", diskActs, 0o644);
  } finally {
    process.umask(before);
  }
  expect(await modeOf(join(dir, "hosts"))).toBe(0o644);
});
