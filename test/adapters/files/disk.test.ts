import { spawnSync } from "node:child_process";
import { chmod, chown, lstat, mkdir, mkdtemp, readdir, readFile, rm, stat, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { diskActs } from "../../../adapters/files/disk.ts";
import type { FileActs } from "../../../src/ports/files.ts";
import { ensureFolder } from "../../../src/util/ensure-folder.ts";
import { removeReplaced, replaceFile } from "../../../src/util/replace-file.ts";

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

test("a new folder is durable in its parent, and so is each new parent", async () => {
  await ensureFolder(join(dir, "a/b/c"), 0o700, acts);
  expect(synced).toEqual(["/a/b", "/a", ""]);
  expect((await stat(join(dir, "a/b/c"))).mode & 0o777).toBe(0o700);
});

test("a folder that is there costs nothing", async () => {
  await ensureFolder(dir, 0o700, acts);
  expect(synced).toEqual([]);
});

test("if the kernel refuses to create a folder, that is an error and not an endless loop", async () => {
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
    for (const name of ["key.new", "key.0123456789ab.new"]) await leave(join(dir, name));
    await replaceFile(join(dir, "key"), "secret", { ...diskActs, unique: () => "0123456789ab" }, 0o600);
    expect([await readFile(join(dir, "key"), "utf8"), await modeOf(join(dir, "key"))]).toEqual(["secret", 0o600]);
    expect(await readFile(join(dir, "victim"), "utf8")).toBe("untouched");
  });
}

test("a file has the requested mode, whatever the umask", async () => {
  const before = process.umask(0o077);
  try {
    await replaceFile(join(dir, "hosts"), "127.0.0.1 localhost\n", diskActs, 0o644);
  } finally {
    process.umask(before);
  }
  expect(await modeOf(join(dir, "hosts"))).toBe(0o644);
});

test("a replaced file keeps its mode, and its owner if this process may change owners", async () => {
  const path = join(dir, "hosts");
  await writeFile(path, "old");
  await chmod(path, 0o640);
  const isRoot = process.geteuid?.() === 0;
  if (isRoot) await chown(path, 1, 2);
  const before = await stat(path);
  await replaceFile(path, "new", diskActs);
  const { mode, uid, gid } = await stat(path);
  expect([await readFile(path, "utf8"), mode, uid, gid]).toEqual(["new", before.mode, before.uid, before.gid]);
});

test("a link stays, and what it leads to is replaced, there or not", async () => {
  await mkdir(join(dir, "data"));
  await symlink("data/mender.conf", join(dir, "mender.conf"));
  for (const text of ["first", "second"]) {
    await replaceFile(join(dir, "mender.conf"), text, diskActs);
    expect(await readFile(join(dir, "data/mender.conf"), "utf8")).toBe(text);
  }
  expect((await lstat(join(dir, "mender.conf"))).isSymbolicLink()).toBe(true);
  expect([await readdir(dir), await readdir(join(dir, "data"))]).toEqual([["data", "mender.conf"], ["mender.conf"]]);
});

for (const [what, put] of [
  ["a folder", (path: string) => mkdir(path)],
  ["a FIFO", async (path: string) => expect(spawnSync("mkfifo", [path]).status).toBe(0)],
  ["a link to a device", (path: string) => symlink("/dev/null", path)],
  ["a link to itself", (path: string) => symlink(path, path)],
] as const) {
  test(`${what} is not replaced, and no temporary file is left`, async () => {
    const path = join(dir, "file");
    await put(path);
    const before = await lstat(path);
    await expect(replaceFile(path, "new", diskActs)).rejects.toThrow(/is not a regular file|ELOOP/);
    expect((await lstat(path)).ino).toBe(before.ino);
    expect(await readdir(dir)).toEqual(["file"]);
  });
}

test("what former lives have left of this file is removed, and nothing else", async () => {
  const strangers = ["file.new.old", "file.txt", "other.new", "file.0123456789ab.new.d", "afile.new"];
  const leftovers = ["file.new", "file.0123456789ab.new", "file.ba9876543210.new"];
  for (const name of [...strangers, ...leftovers]) await writeFile(join(dir, name), "");
  await replaceFile(join(dir, "file"), "new", diskActs);
  expect(await readdir(dir)).toEqual([...strangers, "file"].sort());
});

for (const start of ["a file", "a link", "a link to nothing", "nothing"]) {
  test(`where there is ${start}, removing it removes its temporary files as well, and nothing else`, async () => {
    await mkdir(join(dir, "real"));
    const [path, target] = [join(dir, "file"), start.includes("link") ? join(dir, "real/file") : join(dir, "file")];
    // This name may belong to a caller's own file, which the caller is about to rename.
    await writeFile(`${target}.new`, "");
    await writeFile(`${target}.0123456789ab.new`, "");
    if (!["nothing", "a link to nothing"].includes(start)) await writeFile(target, "");
    if (target !== path) await symlink(target, path);
    const left = target === path ? ["file.new", "real"] : ["real", "real/file.new"];
    await removeReplaced(path, acts);
    expect((await readdir(dir, { recursive: true })).sort()).toEqual(
      start === "a link" ? [...left, "real/file"].sort() : left,
    );
  });
}

test("removing takes a folder whole, and takes nothing where there is not even a folder", async () => {
  await mkdir(join(dir, "folder/deep"), { recursive: true });
  await removeReplaced(join(dir, "folder"), acts);
  await removeReplaced(join(dir, "absent/file"), acts);
  expect(await readdir(dir)).toEqual([]);
});

test("each temporary file has a name of its own", async () => {
  const names = new Set<string>();
  const watching: FileActs = {
    ...diskActs,
    async writeSynced(path, ...rest) {
      names.add(path);
      await diskActs.writeSynced(path, ...rest);
    },
  };
  for (let count = 0; count < 20; count++) await replaceFile(join(dir, "file"), "new", watching);
  expect(names.size).toBe(20);
  expect([...names].every((name) => /\/file\.[0-9a-f]{12}\.new$/.test(name))).toBe(true);
});

for (const act of ["writeSynced", "rename"] as const) {
  test(`a replacement whose ${act} fails leaves the old file and nothing beside it`, async () => {
    await writeFile(join(dir, "file"), "old");
    const failing: FileActs = {
      ...diskActs,
      async [act](path: string) {
        await writeFile(path, "half");
        throw Object.assign(new Error("ENOSPC: no space left on device"), { code: "ENOSPC" });
      },
    };
    await expect(replaceFile(join(dir, "file"), "new", failing)).rejects.toThrow("ENOSPC");
    expect([await readFile(join(dir, "file"), "utf8"), await readdir(dir)]).toEqual(["old", ["file"]]);
  });
}

test("a file that cannot be filled is not left behind", async () => {
  const failing = (): never => {
    throw new Error("the source has broken off");
  };
  await expect(diskActs.storeSynced(join(dir, "file"), failing, 0o600)).rejects.toThrow("the source has broken off");
  expect(await readdir(dir)).toEqual([]);
});
