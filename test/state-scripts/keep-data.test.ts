import { cp, mkdir, readdir, readFile, rename, rm, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { createScriptDevice, type ScriptDevice } from "./script-device.ts";

const CONFIG = "data=$dir/data/app migrate=$dir/migrate";
const STEPS = {
  backUp: "artifact/ArtifactInstall_Enter_50_keep-data",
  migrate: "artifact/ArtifactCommit_Enter_30_keep-data",
  restore: "artifact/ArtifactRollback_Enter_50_keep-data",
  committed: "artifact/ArtifactCommit_Leave_50_keep-data",
  failed: "artifact/ArtifactFailure_Leave_50_keep-data",
} as const;

let device: ScriptDevice;
let data = "";
beforeEach(async () => {
  device = await createScriptDevice();
  data = join(device.dir, "data/app");
  await device.write("data/app/records", "old format");
  await device.write("data/app/sub/secret", "s", 0o600);
  await device.write("migrate", '#!/bin/sh\necho "new format" > "$1/records"\necho more > "$1/added"\n', 0o755);
});
afterEach(() => device.remove());

const step = (name: keyof typeof STEPS, config = CONFIG) => device.run(STEPS[name], config);
const ok = async (...names: readonly (keyof typeof STEPS)[]): Promise<void> => {
  for (const name of names) expect([name, (await step(name)).exitCode]).toEqual([name, 0]);
};
const records = (): Promise<string> => readFile(join(data, "records"), "utf8");
const beside = async (): Promise<string[]> => (await readdir(join(device.dir, "data"))).sort();

test("an update that is committed leaves migrated data and nothing else", async () => {
  await ok("backUp", "migrate", "committed", "committed");
  expect(await records()).toBe("new format\n");
  expect(await beside()).toEqual(["app"]);
});

test("an update that is rolled back leaves the data as it was, with its modes", async () => {
  await ok("backUp", "migrate", "restore", "failed");
  expect(await records()).toBe("old format");
  expect((await readdir(data)).sort()).toEqual(["records", "sub"]);
  expect((await stat(join(data, "sub/secret"))).mode & 0o777).toBe(0o600);
  expect(await beside()).toEqual(["app"]);
});

test("a migration that fails half way rolls the update back, and the data with it", async () => {
  await device.write("migrate", '#!/bin/sh\necho half > "$1/records"\nexit 3\n', 0o755);
  await ok("backUp");
  expect((await step("migrate")).exitCode).toBe(1);
  await ok("restore", "failed");
  expect(await records()).toBe("old format");
});

test("data that was written between backup and rollback is kept where nothing was migrated", async () => {
  await ok("backUp");
  await writeFile(join(data, "records"), "written later");
  await ok("restore", "failed");
  expect(await records()).toBe("written later");
});

test("a system without a migration has nothing to undo", async () => {
  await rm(join(device.dir, "migrate"));
  await ok("backUp", "migrate");
  await writeFile(join(data, "records"), "written later");
  await ok("restore", "failed");
  expect(await records()).toBe("written later");
});

test("data that only the new system made is gone after a rollback", async () => {
  await rm(data, { recursive: true });
  await device.write("migrate", '#!/bin/sh\nmkdir "$1" && echo new > "$1/records"\n', 0o755);
  await ok("backUp", "migrate", "restore", "failed");
  expect(await beside()).toEqual([]);
});

test("data is not thrown away where its copy is missing", async () => {
  await ok("backUp", "migrate");
  await rm(`${data}.before-update`, { recursive: true });
  expect((await step("restore")).exitCode).toBe(1);
  expect(await records()).toBe("new format\n");
});

/** The files after a power cut in `restore`, created by hand. */
const CUTS: readonly (readonly [string, () => Promise<void>])[] = [
  [
    "in the middle of copying",
    async () => {
      await mkdir(`${data}.restored`);
      await writeFile(join(`${data}.restored`, "records"), "old f");
    },
  ],
  ["after copying", () => cp(`${data}.before-update`, `${data}.restored`, { recursive: true })],
  [
    "between the two renames",
    async () => {
      await cp(`${data}.before-update`, `${data}.restored`, { recursive: true });
      await rename(data, `${data}.migrated`);
    },
  ],
  [
    "after the two renames",
    async () => {
      await rename(data, `${data}.migrated`);
      await cp(`${data}.before-update`, data, { recursive: true });
    },
  ],
];
for (const [when, cut] of CUTS) {
  test(`a loss of power ${when} of putting data back is made up for by running it again`, async () => {
    await ok("backUp", "migrate");
    await cut();
    await ok("restore", "failed");
    expect(await records()).toBe("old format");
    expect((await readdir(data)).sort()).toEqual(["records", "sub"]);
    expect(await beside()).toEqual(["app"]);
  });
}

test("an interrupted copy is made again by the next update", async () => {
  await device.write("data/app.before-update.new/records", "old");
  await ok("backUp", "migrate", "restore");
  expect(await records()).toBe("old format");
});

test("a copy that could not be put back survives the end of the update and the next one", async () => {
  await ok("backUp", "migrate");
  expect((await step("failed")).exitCode).toBe(1);
  await ok("backUp", "committed");
  expect(await beside()).toEqual(["app", "app.before-update.kept"]);
  expect(await readFile(join(`${data}.before-update.kept`, "records"), "utf8")).toBe("old format");
});

test("a copy for which there is no room keeps the update from being installed", async () => {
  await device.program("cp", 'mkdir "$3"; echo "cp: no space left" >&2; exit 1');
  const { exitCode, said } = await step("backUp");
  expect(exitCode).toBe(1);
  expect(said).toContain("is there room for it?");
  expect(await beside()).toEqual(["app"]);
});

test("without configuration it does nothing under any of its names", async () => {
  for (const name of Object.keys(STEPS) as (keyof typeof STEPS)[]) {
    expect(await step(name, "")).toEqual({ exitCode: 0, said: "" });
  }
});
