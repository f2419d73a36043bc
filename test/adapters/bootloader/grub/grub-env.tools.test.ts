import { execFileSync } from "node:child_process";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { createExclusive } from "../../../../adapters/bootloader/exclusive.ts";
import {
  decodeBlock,
  encodeBlock,
  variablesOf,
  withVariables,
} from "../../../../adapters/bootloader/grub/env-block.ts";
import { grubEnvFolder } from "../../../../adapters/bootloader/grub/env-folder.ts";
import { createGrubEnv } from "../../../../adapters/bootloader/grub/grub-env.ts";
import { openRawFile } from "../../../../adapters/linux/raw-file.ts";

const { signal } = new AbortController();
const START = ["bootcount=0", "mender_boot_part=2", "upgrade_available=0"];
const editenv = (...args: string[]): string => execFileSync("grub-editenv", args, { encoding: "utf8" });

let folder = "";
const path = (copy: 1 | 2, file: string): string => join(folder, `mender_grubenv${copy}`, file);
const list = (copy: 1 | 2): string[] => editenv(path(copy, "env"), "list").trim().split("\n");
const env = () => createGrubEnv({ folder, exclusive: createExclusive([join(folder, "lock")]), openRaw: openRawFile });
const pairs = (variables: Readonly<Record<string, string>>) => new Map(Object.entries(variables));

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "switchback-grub-"));
  for (const copy of [1, 2] as const) {
    mkdirSync(join(folder, `mender_grubenv${copy}`));
    for (const file of ["env", "lock"]) editenv(path(copy, file), "create");
    editenv(path(copy, "env"), "set", ...START);
    editenv(path(copy, "lock"), "set", "editing=0");
    const sum = execFileSync("sha256sum", ["lock"], { cwd: join(folder, `mender_grubenv${copy}`) });
    writeFileSync(path(copy, "lock.sha256sum"), sum);
  }
});
afterEach(() => rm(folder, { recursive: true }));

test("a value with backslashes and newlines, a change beside it, and a removal are those of grub-editenv", async () => {
  const start = ["note=a=b \\ c\nd"];
  for (const copy of [1, 2] as const) editenv(path(copy, "env"), "set", ...start);
  const before = readFileSync(path(1, "env"));
  editenv(path(1, "env"), "set", "mender_boot_part=10");
  editenv(path(1, "env"), "unset", "bootcount");
  const theirs = readFileSync(path(1, "env"));
  writeFileSync(path(1, "env"), before);
  await env().write(pairs({ mender_boot_part: "10", bootcount: "" }), signal);
  for (const copy of [1, 2] as const) expect(readFileSync(path(copy, "env")).equals(theirs)).toBe(true);
  expect((await env().read(["note"], signal)).get("note")).toBe("a=b \\ c\nd");
});

for (const value of ["\\", "a\\b \\\\", "c\nd", "\\\n\n", "ü=#"]) {
  test(`${JSON.stringify(value)} is escaped as grub-editenv does it, and read from what that has written`, () => {
    const block = decodeBlock(readFileSync(path(1, "env")));
    editenv(path(1, "env"), "set", `note=${value}`);
    const theirs = readFileSync(path(1, "env"));
    const read = decodeBlock(theirs);
    if (block === undefined || read === undefined) throw new Error("grub-editenv wrote no environment block");
    expect(encodeBlock(withVariables(block, pairs({ note: value }))).equals(theirs)).toBe(true);
    expect(variablesOf(read).get("note")).toBe(value);
  });
}

test("a plain change gives the same bytes as grub-editenv, and each reads the other's", async () => {
  const before = readFileSync(path(1, "env"));
  editenv(path(1, "env"), "set", "mender_boot_part=10", "mender_boot_part_hex=A", "upgrade_available=1");
  const theirs = readFileSync(path(1, "env"));
  expect((await env().read(["mender_boot_part_hex"], signal)).get("mender_boot_part_hex")).toBe("A");
  writeFileSync(path(1, "env"), before);
  await env().write(pairs({ mender_boot_part: "10", mender_boot_part_hex: "A", upgrade_available: "1" }), signal);
  for (const copy of [1, 2] as const) expect(readFileSync(path(copy, "env")).equals(theirs)).toBe(true);
});

for (const [bad, good] of [
  [1, 2],
  [2, 1],
] as const) {
  test(`where copy ${bad} was being written, copy ${good} counts, and the next write restores both`, async () => {
    editenv(path(good, "env"), "set", "bootcount=1");
    editenv(path(bad, "lock"), "set", "editing=1");
    expect((await env().read(["bootcount"], signal)).get("bootcount")).toBe("1");
    expect(await env().diagnose?.(signal)).toMatchObject([{ level: "note", found: `copy ${bad}: its lock is open` }]);
    await env().write(pairs({ upgrade_available: "1" }), signal);
    for (const copy of [1, 2] as const) {
      expect(list(copy)).toEqual(["bootcount=1", "mender_boot_part=2", "upgrade_available=1"]);
    }
    expect(await env().diagnose?.(signal)).toMatchObject([{ level: "good" }]);
  });
}

test("a first copy that is no environment is restored from the second one", async () => {
  writeFileSync(path(1, "env"), "x".repeat(1024));
  expect((await env().read(["bootcount"], signal)).get("bootcount")).toBe("0");
  expect(await env().diagnose?.(signal)).toMatchObject([
    { level: "note", found: "copy 1: it is not an environment block" },
  ]);
  await env().write(pairs({ bootcount: "1" }), signal);
  expect(list(1)).toEqual(["bootcount=1", ...START.slice(1)]);
});

test("if both copies are damaged, nothing is used or written, and the error describes each copy", async () => {
  writeFileSync(path(1, "env"), "x".repeat(1024));
  editenv(path(2, "lock"), "set", "editing=1");
  const error = {
    code: "BOOTENV_DAMAGED",
    detail: { path: folder, copy1: "it is not an environment block", copy2: "its lock is open" },
  };
  await expect(env().read(["bootcount"], signal)).rejects.toMatchObject(error);
  await expect(env().write(pairs({ bootcount: "1" }), signal)).rejects.toMatchObject(error);
  expect(list(2)).toEqual(START);
  expect(await env().diagnose?.(signal)).toMatchObject([
    { level: "bad", found: "copy 1: it is not an environment block; copy 2: its lock is open" },
  ]);
});

test("copies that differ are a note, and the first one counts", async () => {
  editenv(path(2, "env"), "set", "mender_boot_part=3");
  expect(await env().diagnose?.(signal)).toMatchObject([{ level: "note", found: "both are valid, but they differ" }]);
  await env().write(pairs({ bootcount: "0" }), signal);
  expect(list(2)).toEqual(START);
});

test("what does not fit into 1024 bytes is refused before anything is written", async () => {
  await expect(env().write(pairs({ bootcount: "x".repeat(1000) }), signal)).rejects.toMatchObject({
    code: "BOOTENV_FULL",
  });
  for (const copy of [1, 2] as const) expect(list(copy)).toEqual(START);
});

test("the folder comes from the last ENV_DIR, else it is a usual place, else it is an error", () => {
  const config = join(folder, "grubenv.config");
  expect(() => grubEnvFolder(config, folder)).toThrow(expect.objectContaining({ code: "BOOTENV_CONFIG" }));
  for (const place of ["boot/grub", "boot/efi/grub-mender-grubenv"]) {
    mkdirSync(join(folder, place, "mender_grubenv1"), { recursive: true });
    writeFileSync(join(folder, place, "mender_grubenv1/env"), "");
    expect(grubEnvFolder(config, folder)).toBe(join(folder, place));
  }
  writeFileSync(config, "ENV_DIR = /first\nENV_DIR=/boot/grub\n");
  expect(grubEnvFolder(config, folder)).toBe(join(folder, "boot/grub"));
  writeFileSync(config, "ENV_DIR = /first\n");
  expect(() => grubEnvFolder(config, folder)).toThrow(
    expect.objectContaining({ detail: expect.objectContaining({ looked: "/first" }) }),
  );
});
