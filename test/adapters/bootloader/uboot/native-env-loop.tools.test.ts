import { execFileSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect } from "vitest";
import { createExclusive } from "../../../../adapters/bootloader/exclusive.ts";
import { nativeLayout } from "../../../../adapters/bootloader/uboot/choose-env.ts";
import { createNativeEnv } from "../../../../adapters/bootloader/uboot/native-env.ts";
import { openRawFile } from "../../../../adapters/linux/raw-file.ts";
import { needs } from "../../../support/needs.ts";
import { COPY_BYTES, makeRealEnv, type RealEnv } from "./real-env.ts";

const { test } = needs("loop", "bootLocks");

const { signal } = new AbortController();
const START = { bootcount: "0", mender_boot_part: "2", upgrade_available: "0" };
const DISK_BYTES = 1024 * 1024;
const FIRST = 0x40000;
const SECOND = 0x80000;

let folder = "";
let device = "";
let real: RealEnv;
/** A disk that contains an environment of libubootenv between other data, as the kernel shows it. */
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "switchback-loop-"));
  real = makeRealEnv(folder, START);
  const copies = readFileSync(real.file);
  const disk = Buffer.alloc(DISK_BYTES, "other things");
  copies.copy(disk, FIRST, 0, COPY_BYTES);
  copies.copy(disk, SECOND, COPY_BYTES);
  const image = join(folder, "disk");
  writeFileSync(image, disk);
  device = execFileSync("losetup", ["--find", "--show", image], { encoding: "utf8" }).trim();
  const lines = [FIRST, SECOND].map((offset) => `${device} 0x${offset.toString(16)} 0x${COPY_BYTES.toString(16)}\n`);
  writeFileSync(real.config, lines.join(""));
});
afterEach(async () => {
  execFileSync("losetup", ["--detach", device]);
  await rm(folder, { recursive: true });
});

test("an environment on a block device is shared with fw_setenv, and nothing beside it changes", async () => {
  const native = createNativeEnv({
    layout: await nativeLayout(real.config),
    exclusive: createExclusive([join(folder, "lock")]),
    log: () => undefined,
    openRaw: openRawFile,
  });
  // Each program writes twice, so that both have written both copies.
  for (const [ours, theirs] of [
    ["1", "2"],
    ["3", "4"],
  ] as const) {
    await native.write(new Map([["bootcount", ours]]), signal);
    expect(real.print()).toEqual({ ...START, bootcount: ours });
    real.set({ bootcount: theirs });
    expect(Object.fromEntries(await native.read(Object.keys(START), signal))).toEqual({ ...START, bootcount: theirs });
    await native.write(new Map([["bootcount", ours]]), signal);
  }
  const disk = readFileSync(device);
  const others = Buffer.alloc(DISK_BYTES, "other things");
  for (const [start, end] of [
    [0, FIRST],
    [FIRST + COPY_BYTES, SECOND],
    [SECOND + COPY_BYTES, DISK_BYTES],
  ] as const) {
    expect(disk.subarray(start, end).equals(others.subarray(start, end)), `${start} to ${end}`).toBe(true);
  }
});
