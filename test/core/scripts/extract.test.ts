import { chmod, mkdir, mkdtemp, readdir, readFile, rm, stat, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { extractScripts } from "../../../src/core/scripts/extract.ts";
import { diskActs, type FileActs } from "../../../src/util/durable-file.ts";

let dir = "";
let folder = "";
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), "extract-"));
  folder = join(dir, "scripts");
});
afterEach(async () => {
  await chmod(dir, 0o700);
  await rm(dir, { recursive: true });
});

const script = (name: string, text = "#!/bin/sh\n") => ({ name, content: Buffer.from(text) });
const BINARY = Buffer.from([0x7f, 0x45, 0x4c, 0x46, 0x00, 0xff, 0xfe]);

/** Notes each act, by the path below the test's folder, and does it. */
function recording(): { acts: FileActs; done: string[] } {
  const done: string[] = [];
  const short = (path: string): string => path.slice(dir.length + 1);
  return {
    done,
    acts: {
      ...diskActs,
      async writeSynced(path, content, mode) {
        done.push(`write ${short(path)}`);
        await diskActs.writeSynced(path, content, mode);
      },
      async rename(from, to) {
        done.push(`rename ${short(from)}`);
        await diskActs.rename(from, to);
      },
      async remove(path) {
        done.push(`remove ${short(path)}`);
        await diskActs.remove(path);
      },
      async makeFolder(path, mode) {
        done.push(`make ${short(path)}`);
        return await diskActs.makeFolder(path, mode);
      },
      async syncFolder(path) {
        done.push(`sync ${short(path)}`);
        await diskActs.syncFolder(path);
      },
    },
  };
}

test("scripts are written byte for byte, for their owner only, with a version file", async () => {
  const elf = { name: "ArtifactFailure_Enter_00", content: BINARY };
  await extractScripts(folder, [script("ArtifactInstall_Enter_01_x", "one"), elf]);
  expect(await readFile(join(folder, "ArtifactInstall_Enter_01_x"), "utf8")).toBe("one");
  expect(await readFile(join(folder, "ArtifactFailure_Enter_00"))).toEqual(BINARY);
  expect(await readFile(join(folder, "version"), "utf8")).toBe("3");
  for (const name of ["ArtifactInstall_Enter_01_x", "ArtifactFailure_Enter_00"]) {
    expect((await stat(join(folder, name))).mode & 0o7777).toBe(0o700);
  }
});

test("every file and the folder are durable, the folder after its files", async () => {
  const { acts, done } = recording();
  await extractScripts(folder, [script("ArtifactInstall_Enter_01")], acts);
  expect(done).toEqual([
    "make scripts",
    "sync ",
    "write scripts/ArtifactInstall_Enter_01",
    "write scripts/version",
    "sync scripts",
  ]);
});

test("what an earlier update left is gone, also where it is odd", async () => {
  await mkdir(join(folder, "sub"), { recursive: true });
  await writeFile(join(folder, "sub/file"), "");
  await writeFile(join(folder, "ArtifactCommit_Leave_00"), "old", { mode: 0o644 });
  await writeFile(join(dir, "precious"), "kept");
  await symlink(join(dir, "precious"), join(folder, "ArtifactInstall_Enter_01"));
  await extractScripts(folder, [script("ArtifactInstall_Enter_01", "new")]);
  expect((await readdir(folder)).sort()).toEqual(["ArtifactInstall_Enter_01", "version"]);
  expect(await readFile(join(dir, "precious"), "utf8")).toBe("kept");
});

test("an Artifact without scripts empties the folder for good, and costs nothing where it is empty", async () => {
  const first = recording();
  await extractScripts(folder, [], first.acts);
  expect(first.done).toEqual([]);
  await extractScripts(folder, [script("ArtifactInstall_Enter_01")]);
  const second = recording();
  await extractScripts(folder, [], second.acts);
  expect(await readdir(folder)).toEqual([]);
  expect(second.done).toEqual(["remove scripts/ArtifactInstall_Enter_01", "remove scripts/version", "sync scripts"]);
});

for (const name of ["../ArtifactInstall_Enter_01", "ArtifactInstall_Enter_01_/../../x", "Idle_Enter_00", "version"]) {
  test(`${name} is refused before anything is changed`, async () => {
    await extractScripts(folder, [script("ArtifactCommit_Leave_00")]);
    const extraction = extractScripts(folder, [script("ArtifactInstall_Enter_01"), script(name)]);
    await expect(extraction).rejects.toMatchObject({ code: "SCRIPT_NAME", detail: { path: name } });
    expect((await readdir(folder)).sort()).toEqual(["ArtifactCommit_Leave_00", "version"]);
  });
}

test("a folder that cannot be written is a named failure", async () => {
  await writeFile(folder, "a file in its place");
  await expect(extractScripts(folder, [script("ArtifactInstall_Enter_01")])).rejects.toMatchObject({
    code: "SCRIPT_FOLDER",
    detail: { folder },
  });
});
