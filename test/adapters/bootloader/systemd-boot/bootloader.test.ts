import { mkdir, mkdtemp, readdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { createSystemdBoot } from "../../../../adapters/bootloader/systemd-boot/bootloader.ts";
import { diskActs } from "../../../../adapters/files/disk.ts";
import type { Bootloader, SlotId } from "../../../../src/ports/bootloader.ts";

const { signal } = new AbortController();
let folder = "";
let entries = "";
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "esp-"));
  entries = join(folder, "loader/entries");
  await mkdir(entries, { recursive: true });
  await writeFile(join(folder, "loader/loader.conf"), "# comment\ndefault  switchback-*\n");
});
afterEach(() => rm(folder, { recursive: true }));

const put = (file: string, text = "title x\nlinux /x\n"): Promise<void> => writeFile(join(entries, file), text);
const names = async (): Promise<string[]> => (await readdir(entries)).toSorted();
const running = (slot: SlotId, files = diskActs) =>
  createSystemdBoot({ bootFolder: folder, files, booted: async () => slot });

/** The state of the folder, the running slot, the action, and the folder after it. */
const CHANGES: readonly (readonly [string, SlotId, (boot: Bootloader) => Promise<void>, string])[] = [
  ["1-b 2-a", "A", (boot) => boot.arm("B", signal), "2-a 3-b+1"],
  ["2-a 3-b+1", "A", (boot) => boot.arm("B", signal), "2-a 3-b+1"],
  ["2-a 3-b+0-1", "A", (boot) => boot.arm("B", signal), "2-a 4-b+1"],
  ["9-b 10-a", "A", (boot) => boot.arm("B", signal), "10-a 11-b+1"],
  ["2-a 3-b+0-1", "B", (boot) => boot.confirm(signal), "2-a 3-b"],
  ["2-a 3-b", "B", (boot) => boot.confirm(signal), "2-a 3-b"],
  ["2-a 3-b+0-1", "A", (boot) => boot.confirm(signal), "2-a 3-b+0-1"],
  ["2-a 3-b+1", "A", (boot) => boot.revert("A", signal), "3-b+1 4-a"],
  ["2-a 3-b+0-1", "B", (boot) => boot.revert("A", signal), "3-b+0-1 4-a"],
  ["3-b+0-1 4-a", "B", (boot) => boot.revert("A", signal), "3-b+0-1 4-a"],
];

for (const [before, booted, change, after] of CHANGES) {
  test(`${before}, ${booted} runs: ${change
    .toString()
    .replace(/^.*boot\./, "")
    .replace(", signal", "")} gives ${after}`, async () => {
    for (const name of before.split(" ")) await put(`switchback-${name}.conf`, `title ${name.slice(0, 3)}\n`);
    await change(running(booted));
    const short = (await names()).map((name) => name.slice("switchback-".length, -".conf".length));
    expect(short.toSorted().join(" ")).toBe(after.split(" ").toSorted().join(" "));
    expect(await Promise.all((await names()).map((name) => readFile(join(entries, name), "utf8")))).toEqual(
      expect.arrayContaining(before.split(" ").map((name) => `title ${name.slice(0, 3)}\n`)),
    );
  });
}

for (const [state, booted, plan] of [
  ["1-b 2-a", "A", { slot: "A", trial: false }],
  ["2-a 3-b+1", "A", { slot: "B", trial: true }],
  ["2-a 3-b+2-1", "A", { slot: "B", trial: true }],
  ["2-a 3-b+0-1", "B", { slot: "B", trial: true }],
  ["2-a 3-b+0-1", "A", { slot: "A", trial: false }],
  ["2-a 3-b+0-1 3-b", "B", { slot: "B", trial: false }],
  ["2-a 10-b", "B", { slot: "B", trial: false }],
] as const) {
  test(`${state}, ${booted} runs: the plan is ${plan.slot}${plan.trial ? " on trial" : ""}`, async () => {
    for (const name of state.split(" ")) await put(`switchback-${name}.conf`);
    await put("other.conf", "title other\nversion 9\n");
    expect(await running(booted).plan(signal)).toEqual(plan);
  });
}

for (const [what, files, detail] of [
  ["no entry for B", { "switchback-2-a.conf": "" }, { missing: "switchback-1-b.conf" }],
  ["no entry at all", {}, { missing: "switchback-1-a.conf" }],
  [
    "entries that sort by version",
    { "switchback-2-a.conf": "version 1\n", "switchback-1-b.conf": "version 2\n" },
    { reason: "the entries differ in version" },
  ],
  [
    "one entry with a sort-key",
    { "switchback-2-a.conf": "sort-key x\n", "switchback-1-b.conf": "title b\n" },
    { reason: "the entries differ in sort-key" },
  ],
] as const) {
  test(`${what}: refused, because the names would not decide`, async () => {
    for (const [file, text] of Object.entries(files)) await put(file, text);
    await expect(running("A").arm("B", signal)).rejects.toMatchObject({ code: "BOOT_ENTRIES", detail });
    expect(await names()).toEqual(Object.keys(files).toSorted());
  });
}

for (const conf of ["", "default other.conf\n", "#default switchback-*\n"]) {
  test(`loader.conf with ${JSON.stringify(conf)} lets another entry boot first, and is refused`, async () => {
    for (const name of ["2-a", "1-b"]) await put(`switchback-${name}.conf`);
    await writeFile(join(folder, "loader/loader.conf"), conf);
    await expect(running("A").plan(signal)).rejects.toMatchObject({
      code: "BOOT_ENTRIES",
      detail: { expected: "switchback-*" },
    });
  });
}

test("an unmounted partition is an error of reading, a read-only one is an error of writing", async () => {
  for (const name of ["2-a", "1-b"]) await put(`switchback-${name}.conf`);
  const readOnly = { ...diskActs, rename: () => Promise.reject(new Error("EROFS")) };
  await expect(running("A", readOnly).arm("B", signal)).rejects.toMatchObject({ code: "BOOTENV_WRITE" });
  const lying = { ...diskActs, rename: async () => undefined };
  await expect(running("A", lying).arm("B", signal)).rejects.toMatchObject({ code: "BOOTENV_WRITE" });
  await rename(join(folder, "loader"), join(folder, "elsewhere"));
  await expect(running("A").plan(signal)).rejects.toMatchObject({ code: "BOOTENV_READ" });
});

test("the doctor reports the entries, and a fault in them as a named failure", async () => {
  await put("switchback-1-b.conf");
  await put("switchback-2-a.conf");
  expect(await running("A").diagnose?.(signal)).toEqual([
    {
      level: "good",
      subject: `boot entries in ${entries}`,
      found: "switchback-2-a.conf and switchback-1-b.conf, and only their names decide which one boots",
    },
  ]);
  await rm(join(entries, "switchback-1-b.conf"));
  await expect(running("A").diagnose?.(signal)).rejects.toMatchObject({ code: "BOOT_ENTRIES" });
});
