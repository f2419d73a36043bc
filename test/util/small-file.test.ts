import { spawnSync } from "node:child_process";
import { mkdtemp, rm, truncate, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { diskReads } from "../../adapters/files/disk.ts";
import { readScriptEntries, readVersionFile } from "../../src/core/scripts/folder.ts";
import { readSmallFile } from "../../src/util/small-file.ts";

let dir = "";
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), "small-file-"));
});
afterEach(() => rm(dir, { recursive: true }));

test("a small file is read whole, also one of the kernel that says it has no size", async () => {
  await writeFile(join(dir, "file"), "text\n");
  expect(readSmallFile(join(dir, "file"))).toBe("text\n");
  expect(readSmallFile("/proc/self/status")).toContain("Name:");
});

test("a FIFO is refused at once, without waiting for a writer", async () => {
  expect(spawnSync("mkfifo", [join(dir, "version")]).status).toBe(0);
  expect(() => readSmallFile(join(dir, "version"))).toThrow("is not a file");
  await expect(readVersionFile(dir)).rejects.toMatchObject({ code: "SCRIPT_FOLDER" });
});

test("a huge file is refused before it fills the memory", async () => {
  await writeFile(join(dir, "huge"), "");
  await truncate(join(dir, "huge"), 3 * 1024 ** 3);
  expect(() => readSmallFile(join(dir, "huge"))).toThrow("is larger than");
});

test("a folder says what the system says, and so does what is not there", () => {
  expect(() => readSmallFile(dir)).toThrow("EISDIR");
  expect(() => readSmallFile(join(dir, "missing"))).toThrow("ENOENT");
});

test("the beginning of a script is known whether or not it can be executed", async () => {
  await writeFile(join(dir, "ArtifactInstall_Enter_00"), "#!/bin/sh\n", { mode: 0o644 });
  expect(await readScriptEntries(dir, diskReads)).toMatchObject([{ isExecutable: false, head: "#!/bin/sh\n" }]);
});
