import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { createRpiTryboot } from "../../../../adapters/bootloader/rpi-tryboot/bootloader.ts";
import type { MailboxAnswer, TrybootFirmware } from "../../../../adapters/bootloader/rpi-tryboot/firmware.ts";
import { diskActs } from "../../../../adapters/files/disk.ts";
import type { Bootloader, SlotId } from "../../../../src/ports/bootloader.ts";

const { signal } = new AbortController();
let folder = "";
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "bootfs-"));
});
afterEach(() => rm(folder, { recursive: true }));

const file = (): string => join(folder, "autoboot.txt");

interface Told {
  readonly partition: number;
  readonly tryboot: boolean;
}

/** Firmware that keeps its flag, and gives the answers that the test sets. */
function firmwareOf(told?: Told, answer: MailboxAnswer = "absent") {
  const asked: boolean[] = [];
  const firmware: TrybootFirmware = {
    boot: async () => told,
    async setTryboot(next) {
      asked.push(next);
      return answer;
    },
  };
  return { firmware, asked };
}

const running = (slot: SlotId, files = diskActs, { firmware } = firmwareOf()) =>
  createRpiTryboot({
    bootFolder: folder,
    bootPartitions: { A: 2, B: 3 },
    files,
    firmware,
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

test("a missing file, or one longer than the firmware reads, is an error that says so", async () => {
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

test("the doctor reports what autoboot.txt boots, and a fault in it as a named failure", async () => {
  await writeFile(file(), ON_B);
  expect(await running("B").diagnose?.(signal)).toEqual([
    { level: "good", subject: file(), found: "boots partition 3, of 2 (slot A) and 3 (slot B)" },
  ]);
  await writeFile(file(), "[all]\nboot_partition=7\n");
  await expect(running("B").diagnose?.(signal)).rejects.toMatchObject({ code: "SLOT_UNKNOWN" });
});

const ARMED_BEFORE = ON_A + mark("then");
const TRIAL_OF_B = { slot: "B", trial: true };
const OVER = { slot: "A", trial: false };
for (const [what, told, booted, plan] of [
  ["started the other partition as a trial", { partition: 3, tryboot: true }, "B", TRIAL_OF_B],
  ["started the usual partition", { partition: 2, tryboot: false }, "A", OVER],
  ["started the other partition, but not as a trial", { partition: 3, tryboot: false }, "B", OVER],
  ["started the usual partition as a trial", { partition: 2, tryboot: true }, "A", OVER],
  ["started the other one, whose cmdline.txt names the old root", { partition: 3, tryboot: true }, "A", TRIAL_OF_B],
  ["started the usual one, whose cmdline.txt names the new root", { partition: 2, tryboot: false }, "B", OVER],
  ["started a trial of partition 0, as early firmware calls each", { partition: 0, tryboot: true }, "B", TRIAL_OF_B],
  ["started a trial of partition 0, and the old root runs", { partition: 0, tryboot: true }, "A", OVER],
] as const) {
  test(`after a trial was armed, firmware that says it ${what} decides whether this is it`, async () => {
    await writeFile(file(), ARMED_BEFORE);
    expect(await running(booted, diskActs, firmwareOf(told)).plan(signal)).toEqual(plan);
  });
}

test("a trial that was armed in this boot is still to come, whatever the firmware did before", async () => {
  await writeFile(file(), ON_A + mark("now"));
  const told = firmwareOf({ partition: 2, tryboot: false });
  expect(await running("A", diskActs, told).plan(signal)).toEqual(TRIAL_OF_B);
  expect(await running("A", diskActs, told).rebootArgument?.(signal)).toBe("0 tryboot");
});

test("the flag is set by arming and cleared by reverting, each once, and nothing else touches it", async () => {
  await writeFile(file(), ON_A);
  const firmware = firmwareOf(undefined, "taken");
  const boot = running("A", diskActs, firmware);
  await boot.plan(signal);
  await boot.revert("A", signal);
  expect(firmware.asked, "there was no trial").toEqual([]);
  await boot.arm("B", signal);
  await boot.revert("A", signal);
  expect(firmware.asked).toEqual([true, false]);
  expect(await readFile(file(), "utf8")).toBe(ON_A);
});

test("if the flag cannot be cleared, it leads to the slot that stays", async () => {
  await writeFile(file(), ON_A + mark("now"));
  const firmware = firmwareOf(undefined, "refused");
  await running("A", diskActs, firmware).revert("A", signal);
  expect(await readFile(file(), "utf8")).toBe("[all]\ntryboot_a_b=1\nboot_partition=2\n[tryboot]\nboot_partition=2\n");
  await running("A", diskActs, firmware).arm("B", signal);
  expect(await readFile(file(), "utf8"), "the next trial is of the other slot again").toBe(ON_A + mark("now"));
});

for (const [told, booted, level, found] of [
  [{ partition: 2, tryboot: false }, "A", "good", "2, while slot A runs"],
  [{ partition: 3, tryboot: true }, "B", "good", "3, as a trial, while slot B runs"],
  [{ partition: 3, tryboot: true }, "A", "bad", "3, as a trial, while slot A runs"],
  [{ partition: 0, tryboot: false }, "A", "note", "0, while slot A runs"],
] as const) {
  test(`the doctor reports that the firmware booted partition ${found}: ${level}`, async () => {
    await writeFile(file(), ON_A);
    const findings = await running(booted, diskActs, firmwareOf(told)).diagnose?.(signal);
    expect(findings?.slice(1)).toMatchObject([{ level, subject: "partition that the firmware booted", found }]);
    expect(findings?.[1]?.advice === undefined).toBe(level === "good");
  });
}
