import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { createRpiTryboot } from "../../../../adapters/bootloader/rpi-tryboot/bootloader.ts";
import type { Bootloader, SlotId } from "../../../../src/ports/bootloader.ts";
import { diskActs } from "../../../../src/util/durable-file.ts";

const { signal } = new AbortController();
let folder = "";
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "bootfs-"));
});
afterEach(() => rm(folder, { recursive: true }));

const file = (): string => join(folder, "autoboot.txt");
const running = (slot: SlotId, files = diskActs) =>
  createRpiTryboot({
    bootFolder: folder,
    bootPartitions: { A: 2, B: 3 },
    files,
    booted: async () => slot,
    bootId: async () => "now",
  });

const ON_A = "[all]\ntryboot_a_b=1\nboot_partition=2\n[tryboot]\nboot_partition=3\n";
const ON_B = "[all]\ntryboot_a_b=1\nboot_partition=3\n[tryboot]\nboot_partition=2\n";
const mark = (boot: string): string => `# switchback: trial armed in boot ${boot}\n`;

for (const [what, before, booted, change, after] of [
  ["arming", ON_A, "A", (boot) => boot.arm("B", signal), ON_A + mark("now")],
  ["arming again in a later boot", ON_A + mark("then"), "A", (boot) => boot.arm("B", signal), ON_A + mark("now")],
  ["confirming swaps the partitions", ON_A + mark("then"), "B", (boot) => boot.confirm(signal), ON_B],
  ["confirming what is confirmed", ON_B, "B", (boot) => boot.confirm(signal), ON_B],
  ["confirming after a fallback", ON_A + mark("then"), "A", (boot) => boot.confirm(signal), ON_A],
  ["reverting before the reboot", ON_A + mark("now"), "A", (boot) => boot.revert("A", signal), ON_A],
  ["reverting during the trial", ON_A + mark("then"), "B", (boot) => boot.revert("A", signal), ON_A],
  ["reverting after the commit", ON_B, "B", (boot) => boot.revert("A", signal), ON_A],
] as const satisfies readonly (readonly [string, string, SlotId, (boot: Bootloader) => Promise<void>, string])[]) {
  test(`${what} leaves exactly this autoboot.txt`, async () => {
    await writeFile(file(), before);
    await change(running(booted));
    expect(await readFile(file(), "utf8")).toBe(after);
  });
}

for (const [text, booted, plan, argument] of [
  [ON_A, "A", { slot: "A", trial: false }, undefined],
  [ON_A + mark("now"), "A", { slot: "B", trial: true }, "0 tryboot"],
  [ON_A + mark("then"), "A", { slot: "A", trial: false }, undefined],
  [ON_A + mark("then"), "B", { slot: "B", trial: true }, undefined],
  [ON_A, "B", { slot: "A", trial: false }, undefined],
  [ON_B, "B", { slot: "B", trial: false }, undefined],
] as const) {
  test(`${JSON.stringify(text.slice(31))} while ${booted} runs plans ${JSON.stringify(plan)}, reboot ${argument}`, async () => {
    await writeFile(file(), text);
    expect(await running(booted).plan(signal)).toEqual(plan);
    expect(await running(booted).rebootArgument?.(signal)).toBe(argument);
  });
}

test("lines of others stay, each behind its filter", async () => {
  await writeFile(
    file(),
    "boot_watchdog_timeout=30\n[cm4]\nboot_partition=7\nx=1\n\n[all]\nboot_partition=2\n[tryboot]\ny=2\n",
  );
  await running("A").arm("B", signal);
  expect(await readFile(file(), "utf8")).toBe(
    `[all]\ntryboot_a_b=1\nboot_partition=2\nboot_watchdog_timeout=30\n[tryboot]\nboot_partition=3\n${mark("now")}y=2\n[cm4]\nboot_partition=7\nx=1\n`,
  );
});

test("a partition that is no slot's is an error, and the file stays", async () => {
  for (const text of ["[all]\nboot_partition=1\n", "[all]\n", ""]) {
    await writeFile(file(), text);
    await expect(running("A").arm("B", signal)).rejects.toMatchObject({ code: "SLOT_UNKNOWN" });
    expect(await readFile(file(), "utf8")).toBe(text);
  }
});

test("a file that is missing, or longer than the firmware reads, is an error that says so", async () => {
  await expect(running("A").plan(signal)).rejects.toMatchObject({ code: "BOOTENV_READ" });
  await writeFile(file(), ON_A + "#".repeat(500));
  await expect(running("A").plan(signal)).rejects.toMatchObject({ code: "BOOTENV_READ", detail: { limit: 512 } });
  const long = `${ON_A}${"#".repeat(420)}\n`;
  await writeFile(file(), long);
  await expect(running("A").arm("B", signal)).rejects.toMatchObject({ code: "BOOTENV_READ", detail: { limit: 512 } });
  expect(await readFile(file(), "utf8")).toBe(long);
});

test("a partition that cannot be written, or does not hold what was written, is an error", async () => {
  await writeFile(file(), ON_A);
  const readOnly = { ...diskActs, writeSynced: () => Promise.reject(new Error("EROFS")) };
  await expect(running("A", readOnly).arm("B", signal)).rejects.toMatchObject({ code: "BOOTENV_WRITE" });
  const lying = { ...diskActs, rename: async () => undefined };
  await expect(running("A", lying).arm("B", signal)).rejects.toMatchObject({ code: "BOOTENV_WRITE" });
});

test("a doctor is told what autoboot.txt boots, and what is wrong with it as a named failure", async () => {
  await writeFile(file(), ON_B);
  expect(await running("B").diagnose?.(signal)).toEqual([
    { level: "good", subject: file(), found: "boots partition 3, of 2 (slot A) and 3 (slot B)" },
  ]);
  await writeFile(file(), "[all]\nboot_partition=7\n");
  await expect(running("B").diagnose?.(signal)).rejects.toMatchObject({ code: "SLOT_UNKNOWN" });
});
