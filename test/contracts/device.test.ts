import { execFileSync } from "node:child_process";
import { chmod, mkdir, mkdtemp, readFile, rm, symlink, truncate, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { createDeviceRig, sandboxSlots } from "../../adapters/check/device-rig.ts";
import { Sandbox } from "../../adapters/check/sandbox.ts";
import { createDriverDevice } from "../../adapters/device/driver-device.ts";
import { createSlotDevice } from "../../adapters/device/slot-device.ts";
import { createUbiSlotDevice } from "../../adapters/device/ubi-slot.ts";
import type { OpenStorage } from "../../adapters/foreign/context.ts";
import { type BlockFile, openBlockFile } from "../../adapters/linux/block-file.ts";
import { createRunningSystem } from "../../adapters/linux/running-system.ts";
import { createChildProcess } from "../../adapters/process/child-process.ts";
import { DEVICE_CONTRACT, type DeviceRig } from "../../src/contracts/device.ts";
import { DEVICE_READ_CONTRACT } from "../../src/contracts/device-reads.ts";
import { DEVICE_STORAGE_CONTRACT } from "../../src/contracts/device-storage.ts";
import type { SlotDevice } from "../../src/ports/slot-device.ts";
import { needs } from "../support/needs.ts";

let dir = "";
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), "device-contract-"));
});
afterEach(() => rm(dir, { recursive: true }));

type Spoil = (file: BlockFile) => Partial<BlockFile>;

/** Our own writer of block devices and image files, over storage that is watched, and spoilt where a test wants that. */
async function blockRig(spoil: Spoil = () => ({})) {
  const sandbox = new Sandbox(join(dir, "root"), join(dir, "trace"));
  const openStorage = async (path: string, _direct: boolean, access: Parameters<OpenStorage>[1]) => {
    const file: BlockFile = { ...(await sandbox.openStorage(path, access)), direct: false };
    return { ...file, ...spoil(file) };
  };
  const paths = sandboxSlots(sandbox.root);
  return createDeviceRig(sandbox, async () => createSlotDevice({ paths, booted: async () => "A", openStorage }));
}

describe("block devices and image files", () => {
  for (const { title, run } of DEVICE_CONTRACT) test(title, async () => run(await blockRig()));
  for (const { title, run } of DEVICE_STORAGE_CONTRACT) test(title, async () => run(await blockRig()));
  for (const { title, run } of DEVICE_READ_CONTRACT) test(title, async () => run(await blockRig()));
});

const SLOW_SLOT_BYTES = 40 * 1024 * 1024;

/** Slots of many frames, whose storage is slower than any source. */
async function slowRig(): Promise<DeviceRig> {
  const paths = { A: join(dir, "a"), B: join(dir, "b") };
  for (const path of Object.values(paths)) {
    await writeFile(path, "");
    await truncate(path, SLOW_SLOT_BYTES);
  }
  const openStorage = async (...args: Parameters<typeof openBlockFile>): Promise<BlockFile> => {
    const file = await openBlockFile(...args);
    return { ...file, write: async (from, at) => wait(10).then(() => file.write(from, at)) };
  };
  const device = createSlotDevice({ paths, booted: async () => "A", openStorage });
  return { device, slotBytes: SLOW_SLOT_BYTES, content: (slot) => readFile(paths[slot]) };
}

describe("storage that is slower than the source", () => {
  const inQuestion = DEVICE_CONTRACT.filter(({ title }) => title.startsWith("a checkpoint completes"));
  for (const { title, run } of inQuestion) test(title, async () => run(await slowRig()));
});

/** Keeps a volume as the kernel does: it holds the last complete image, and nothing while an image arrives. */
const UBIUPDATEVOL = `#!/bin/sh
head -c "\${2#--size=}" >"$1.coming" && [ "$(stat -c %s "$1.coming")" = "\${2#--size=}" ] && cat "$1.coming" >"$1"
`;

async function ubiRig() {
  const sandbox = new Sandbox(join(dir, "root"), join(dir, "trace"));
  const { A, B } = sandboxSlots("/");
  const rig = await createDeviceRig(sandbox, async () =>
    createUbiSlotDevice({
      paths: { A: "ubi0_0", B: "ubi0_1" },
      booted: async () => "A",
      process: createChildProcess({ env: { ...process.env, PATH: `${dir}/bin:${process.env["PATH"]}` } }),
      system: createRunningSystem({ root: join(dir, "system") }),
      nodes: join(dir, "nodes"),
    }),
  );
  await mkdir(join(dir, "bin"));
  await mkdir(join(dir, "nodes"));
  await writeFile(join(dir, "bin/ubiupdatevol"), UBIUPDATEVOL);
  await chmod(join(dir, "bin/ubiupdatevol"), 0o755);
  for (const [index, path] of [A, B].entries()) {
    await symlink(join(dir, "root", path), join(dir, `nodes/ubi0_${index}`));
    const facts = { name: `rootfs${index}`, reserved_ebs: "1", usable_eb_size: String(rig.slotBytes) };
    for (const [fact, text] of Object.entries({ ...facts, "../../../../proc/self/mountinfo": "" })) {
      const file = join(dir, "system/sys/class/ubi", `ubi0_${index}`, fact);
      await mkdir(dirname(file), { recursive: true });
      await writeFile(file, `${text}\n`);
    }
  }
  return rig;
}

describe("UBI volumes, with a fake tool", () => {
  for (const { title, run } of DEVICE_CONTRACT) test(title, async () => run(await ubiRig()));
});

/** Faulty storage, and the promise that it breaks. */
const LIES: Readonly<Record<string, readonly [spoil: Spoil, promise: string]>> = {
  "whose sync does nothing": [() => ({ sync: async () => undefined }), "a synced image survives a loss of power"],
  "that discards every write": [
    () => ({ write: async (from) => from.length }),
    "the device stores an image in the requested slot and leaves the other slot unchanged",
  ],
  "that hides failed writes": [
    ({ write, sync }) => ({
      write: (from, at) => write(from, at).catch(() => from.length /* ignored: the lie */),
      sync: () => sync().catch(() => undefined /* ignored: the lie */),
    }),
    "the device reports an error when writes to storage fail",
  ],
  "that returns zeros for failed reads": [
    ({ read }) => ({ read: (into, at) => read(into, at).catch(() => into.fill(0).length /* ignored: the lie */) }),
    "if a read fails, the device reports an error or returns the stored bytes",
  ],
  "that writes one byte too far": [
    ({ write }) => ({ write: (from, at) => write(from, at + 1) }),
    "a slot returns the image that was written, for any image length and any chunk size",
  ],
  "that reports more than its real size": [
    () => ({ sizeBytes: Number.MAX_SAFE_INTEGER }),
    "the device refuses an image larger than the slot before it writes the first byte",
  ],
};

describe("the check names the promise that faulty storage breaks", () => {
  for (const [lie, [spoil, promise]] of Object.entries(LIES)) {
    test(`storage ${lie}`, async () => {
      const checks = [...DEVICE_CONTRACT, ...DEVICE_STORAGE_CONTRACT, ...DEVICE_READ_CONTRACT];
      const check = checks.find(({ title }) => title === promise);
      await expect(blockRig(spoil).then((rig) => check?.run(rig))).rejects.toThrow();
    });
  }
});

/** Each row is a device with one mistake, and the promise that it breaks. */
const MISTAKES: Readonly<
  Record<string, readonly [spoil: (device: SlotDevice) => Partial<SlotDevice>, promise: string]>
> = {
  "writes the running slot": [
    ({ open }) => ({ open: (_slot, image, signal) => open("B", image, signal) }),
    "the device refuses to write the running slot, but reads it",
  ],
  "resumes after the byte that it had reached": [
    () => ({ resumePoint: (_slot, bytes) => bytes + 1 }),
    "an interrupted image resumes at or before the byte that it had reached",
  ],
  "ends a read early without an error": [
    ({ read }) => ({ read: (slot, bytes, signal) => read(slot, Math.min(bytes, 1000), signal) }),
    "reading past the slot's end is an error",
  ],
  "reports zero written bytes": [
    ({ open }) => ({
      open: async (...args) => ({
        ...(await open(...args)),
        sync: async () => ({ writtenBytes: 0, skippedBytes: 0 }),
      }),
    }),
    "the written and skipped bytes add up to the size of the image",
  ],
};

describe("the check names the promise that a faulty device breaks", () => {
  for (const [mistake, [spoil, promise]] of Object.entries(MISTAKES)) {
    test(`a device that ${mistake}`, async () => {
      const rig = await blockRig();
      const check = DEVICE_CONTRACT.find(({ title }) => title === promise);
      const device = { ...rig.device, ...spoil(rig.device) };
      await expect(check?.run({ ...rig, device })).rejects.toThrow();
    });
  }
});

needs("loop", "mount", "ext4").test("the agent never asks a board's driver to write a mounted slot", async () => {
  const file = join(dir, "b");
  await writeFile(file, "");
  await truncate(file, 1024 * 1024);
  run("mkfs.ext4", "-q", file);
  const loop = run("losetup", "--find", "--show", file);
  try {
    run("mount", "--mkdir", loop, join(dir, "mounted"));
    try {
      const asked: string[] = [];
      const ask = async (): Promise<never> => {
        asked.push("asked");
        throw new Error("asked");
      };
      const driver = { size: ask, write: ask, read: ask as never };
      for (const path of [loop, file]) {
        const device = createDriverDevice({ driver, paths: { A: "/a", B: path }, booted: async () => "A" });
        await expect(device.open("B", { imageBytes: 1 }, new AbortController().signal)).rejects.toMatchObject({
          code: "SLOT_BUSY",
          detail: { reason: "mounted" },
        });
      }
      expect(asked).toEqual([]);
    } finally {
      run("umount", join(dir, "mounted"));
    }
  } finally {
    run("losetup", "--detach", loop);
  }
});

const run = (program: string, ...args: string[]): string => execFileSync(program, args, { encoding: "utf8" }).trim();
