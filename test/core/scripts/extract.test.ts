import { chmod, mkdir, mkdtemp, readdir, readFile, rm, stat, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { diskActs, diskReads } from "../../../adapters/files/disk.ts";
import { createScriptStage, type ScriptStage } from "../../../src/core/scripts/extract.ts";
import { AgentError } from "../../../src/errors/agent-error.ts";
import type { FileActs } from "../../../src/ports/files.ts";
import { bufferSource } from "../../../src/util/byte-source.ts";
import { admitScripts, type TestScript } from "../../support/staged-scripts.ts";

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
      async storeSynced(path, read, mode) {
        done.push(`store ${short(path)}`);
        await diskActs.storeSynced(path, read, mode);
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

async function store(stage: ScriptStage, { name, content }: TestScript): Promise<void> {
  const source = bufferSource(content);
  await stage.store(name, (into) => source.read(into));
}

const namesIn = async (path: string): Promise<string[]> => (await readdir(path)).sort();

test("scripts are written byte for byte, for their owner only, with a version file", async () => {
  const elf = { name: "ArtifactFailure_Enter_00", content: BINARY };
  await admitScripts(folder, [script("ArtifactInstall_Enter_01_x", "one"), elf]);
  expect(await readFile(join(folder, "ArtifactInstall_Enter_01_x"), "utf8")).toBe("one");
  expect(await readFile(join(folder, "ArtifactFailure_Enter_00"))).toEqual(BINARY);
  expect(await readFile(join(folder, "version"), "utf8")).toBe("3");
  for (const name of ["ArtifactInstall_Enter_01_x", "ArtifactFailure_Enter_00"]) {
    expect((await stat(join(folder, name))).mode & 0o7777).toBe(0o700);
  }
});

test("every file and the folder are durable, the folder after its files", async () => {
  const { acts, done } = recording();
  await admitScripts(folder, [script("ArtifactInstall_Enter_01")], acts);
  expect(done).toEqual([
    "make scripts",
    "sync ",
    "remove scripts/.staged",
    "make scripts/.staged",
    "store scripts/.staged/ArtifactInstall_Enter_01",
    "rename scripts/.staged/ArtifactInstall_Enter_01",
    "write scripts/version",
    "remove scripts/.staged",
    "sync scripts",
  ]);
});

test("what an earlier update left is gone, also where it is odd", async () => {
  await mkdir(join(folder, "sub"), { recursive: true });
  await writeFile(join(folder, "sub/file"), "");
  await writeFile(join(folder, "ArtifactCommit_Leave_00"), "old", { mode: 0o644 });
  await writeFile(join(dir, "precious"), "kept");
  await symlink(join(dir, "precious"), join(folder, "ArtifactInstall_Enter_01"));
  await admitScripts(folder, [script("ArtifactInstall_Enter_01", "new")]);
  expect(await namesIn(folder)).toEqual(["ArtifactInstall_Enter_01", "version"]);
  expect(await readFile(join(dir, "precious"), "utf8")).toBe("kept");
});

test("an Artifact without scripts empties the folder for good, and costs nothing where it is empty", async () => {
  const first = recording();
  await admitScripts(folder, [], first.acts);
  expect(first.done).toEqual([]);
  await admitScripts(folder, [script("ArtifactInstall_Enter_01")]);
  const second = recording();
  await admitScripts(folder, [], second.acts);
  expect(await readdir(folder)).toEqual([]);
  expect(second.done).toEqual(["remove scripts/ArtifactInstall_Enter_01", "remove scripts/version", "sync scripts"]);
});

for (const name of ["../ArtifactInstall_Enter_01", "ArtifactInstall_Enter_01_/../../x", "Idle_Enter_00", "version"]) {
  test(`${name} is refused before anything is changed`, async () => {
    await admitScripts(folder, [script("ArtifactCommit_Leave_00")]);
    const stored = store(createScriptStage(folder, diskActs, diskReads), script(name));
    await expect(stored).rejects.toMatchObject({ code: "SCRIPT_NAME", detail: { path: name } });
    expect(await namesIn(folder)).toEqual(["ArtifactCommit_Leave_00", "version"]);
  });
}

test("a folder that cannot be written is a named failure", async () => {
  await writeFile(folder, "a file in its place");
  await expect(admitScripts(folder, [script("ArtifactInstall_Enter_01")])).rejects.toMatchObject({
    code: "SCRIPT_FOLDER",
    detail: { folder },
  });
});

test("scripts that are stored replace nothing, and run from nowhere, until they are admitted", async () => {
  await admitScripts(folder, [script("ArtifactCommit_Leave_00", "old")]);
  const stage = createScriptStage(folder, diskActs, diskReads);
  await store(stage, script("ArtifactInstall_Enter_01", "new"));
  expect(await namesIn(folder)).toEqual([".staged", "ArtifactCommit_Leave_00", "version"]);
  await stage.discard();
  expect(await namesIn(folder)).toEqual(["ArtifactCommit_Leave_00", "version"]);
  await store(stage, script("ArtifactInstall_Enter_02", "newer"));
  await stage.admit(["ArtifactInstall_Enter_02"]);
  await stage.discard();
  expect(await namesIn(folder)).toEqual(["ArtifactInstall_Enter_02", "version"]);
});

test("where there was no folder, discarding leaves none", async () => {
  const stage = createScriptStage(folder, diskActs, diskReads);
  await store(stage, script("ArtifactInstall_Enter_01"));
  await stage.discard();
  expect(await readdir(dir)).toEqual([]);
});

for (const [when, sweep] of [
  ["by the next start of the agent", (stage: ScriptStage) => stage.discard()],
  ["by an Artifact with scripts", (stage: ScriptStage) => store(stage, script("ArtifactInstall_Enter_02"))],
  ["by an Artifact without scripts", (stage: ScriptStage) => stage.admit([])],
] as const) {
  test(`what an agent had stored when it lost its power is swept away ${when}`, async () => {
    await store(createScriptStage(folder, diskActs, diskReads), script("ArtifactInstall_Enter_01"));
    const next = createScriptStage(folder, diskActs, diskReads);
    await sweep(next);
    await next.discard();
    expect(await namesIn(folder)).toEqual([]);
  });
}

test("a disk that is full is a named failure, and discarding gives back what was stored", async () => {
  const full = Object.assign(new Error("ENOSPC: no space left on device, write"), { code: "ENOSPC", syscall: "write" });
  const stage = createScriptStage(
    folder,
    {
      ...diskActs,
      async storeSynced(path, read, mode) {
        await diskActs.storeSynced(path, read, mode);
        throw full;
      },
    },
    diskReads,
  );
  const stored = store(stage, script("ArtifactInstall_Enter_01"));
  await expect(stored).rejects.toMatchObject({ code: "SCRIPT_FOLDER", detail: { folder }, cause: full });
  await stage.discard();
  expect(await readdir(dir)).toEqual([]);
});

test("a failure of the Artifact is not mistaken for a failure of the folder", async () => {
  const stage = createScriptStage(folder, diskActs, diskReads);
  const broken = new AgentError("ARTIFACT_TRUNCATED", { in: "header" });
  const stored = stage.store("ArtifactInstall_Enter_01", () => Promise.reject(broken));
  await expect(stored).rejects.toBe(broken);
});

test("an Artifact whose scripts have not all been stored is never admitted", async () => {
  const stage = createScriptStage(folder, diskActs, diskReads);
  await store(stage, script("ArtifactInstall_Enter_01"));
  const names = ["ArtifactInstall_Enter_01", "ArtifactCommit_Enter_01"];
  await expect(stage.admit(names)).rejects.toThrow("not all scripts of the Artifact have been stored");
});

/** More than the stage keeps in memory. */
const LARGE = Buffer.alloc(200 * 1024, "x");

test("large meta-data without scripts leaves no folder behind", async () => {
  const stage = createScriptStage(folder, diskActs, diskReads);
  const stored = await stage.storeMetaData(LARGE.length, bufferSource(LARGE).read);
  await stage.admit([]);
  expect(await readdir(dir)).toEqual([]);
  expect(Buffer.concat([...stored.pieces()].map((piece) => Buffer.from(piece)))).toEqual(LARGE);
  await stage.discard();
});

test("large meta-data that cannot be stored is a failure of the datastore, not of the scripts", async () => {
  await writeFile(folder, "in the place of the folder");
  const stage = createScriptStage(folder, diskActs, diskReads);
  await expect(stage.storeMetaData(LARGE.length, bufferSource(LARGE).read)).rejects.toMatchObject({
    code: "STORE_WRITE",
    detail: { path: join(folder, ".staged/meta-data") },
  });
});
