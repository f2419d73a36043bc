import { writeFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { powerOn } from "../../adapters/bootloader/fake/power-on.ts";
import { createGrubEnv } from "../../adapters/bootloader/grub/grub-env.ts";
import { createMenderEnvBootloader } from "../../adapters/bootloader/mender-env.ts";
import { createNativeEnv } from "../../adapters/bootloader/uboot/native-env.ts";
import type { SystemFate } from "../../src/contracts/bootloader-rig.ts";
import type { SlotId } from "../../src/ports/bootloader.ts";
import { GrubBoard } from "../adapters/bootloader/grub/grub-board.ts";
import { UbootEnv } from "../adapters/bootloader/uboot/saveenv.ts";
import { type Loss, VolatileDisk } from "../adapters/bootloader/volatile-disk.ts";
import type { DisposableRig } from "./bootloader-rigs.ts";

const PARTITIONS = { A: 2, B: 10 };
const COPY_BYTES = 0x1000;

/** No other process knows the files of the rig. */
const alone = <T>(signal: AbortSignal, work: () => Promise<T>): Promise<T> => {
  signal.throwIfAborted();
  return work();
};

/** The redundant environment in process; U-Boot is its rule and its own way to save. */
export async function makeNativeUbootRig(loss: Loss): Promise<DisposableRig> {
  const folder = await mkdtemp(join(tmpdir(), "switchback-rig-"));
  const device = join(folder, "disk");
  const disk = new VolatileDisk(loss);
  const uboot = new UbootEnv(device, COPY_BYTES);
  let fates: Record<SlotId, SystemFate> = { A: "up", B: "up" };
  let running: SlotId | undefined;
  const powerCycle = async (): Promise<SlotId | undefined> => {
    disk.restart();
    const stored = uboot.load();
    if (stored === undefined) throw new Error("both copies of the environment are bad");
    const { steps, outcome } = powerOn(stored, PARTITIONS, fates);
    for (const step of steps) if (step.kind === "save") uboot.save(step.env);
    running = outcome.kind === "up" ? outcome.slot : undefined;
    return running;
  };
  const reset = async (): Promise<void> => {
    fates = { A: "up", B: "up" };
    writeFileSync(device, Buffer.alloc(2 * COPY_BYTES, 0xff));
    uboot.save(new Map(Object.entries(FACTORY)));
    await powerCycle();
  };
  await reset();
  const copies = [0, COPY_BYTES].map((offset) => ({ device, offset })) as [Copy, Copy];
  const env = createNativeEnv({
    layout: { copies, sizeBytes: COPY_BYTES },
    exclusive: alone,
    log: () => undefined,
    openRaw: disk.open,
  });
  return {
    boot: createMenderEnvBootloader({
      kind: "uboot",
      env,
      partitions: PARTITIONS,
      async booted() {
        if (running === undefined) throw new Error("nothing runs");
        return running;
      },
    }),
    powerCycle,
    reboot: powerCycle,
    async setFate(slot, fate) {
      fates = { ...fates, [slot]: fate };
    },
    cutPowerAt: (act, moment) => disk.cutAt(act, moment),
    reset,
    dispose: () => rm(folder, { recursive: true }),
  };
}

type Copy = { readonly device: string; readonly offset: number };

const FACTORY = {
  mender_boot_part: "2",
  mender_boot_part_hex: "2",
  upgrade_available: "0",
  bootcount: "0",
  bootlimit: "1",
  mender_check_saveenv_canary: "1",
};

/** Mender's GRUB environment in process; GRUB is its boot script. */
export async function makeNativeGrubRig(loss: Loss): Promise<DisposableRig> {
  const folder = await mkdtemp(join(tmpdir(), "switchback-rig-"));
  const disk = new VolatileDisk(loss);
  const board = new GrubBoard(folder, PARTITIONS);
  let fates: Record<SlotId, SystemFate> = { A: "up", B: "up" };
  let running: SlotId | undefined;
  const powerCycle = async (): Promise<SlotId | undefined> => {
    disk.restart();
    running = board.boot(fates);
    return running;
  };
  const reset = async (): Promise<void> => {
    fates = { A: "up", B: "up" };
    board.install();
    await powerCycle();
  };
  await reset();
  return {
    boot: createMenderEnvBootloader({
      kind: "grub",
      env: createGrubEnv({ folder, exclusive: alone, openRaw: disk.open }),
      partitions: PARTITIONS,
      async booted() {
        if (running === undefined) throw new Error("nothing runs");
        return running;
      },
    }),
    powerCycle,
    reboot: powerCycle,
    async setFate(slot, fate) {
      fates = { ...fates, [slot]: fate };
    },
    cutPowerAt: (act, moment) => disk.cutAt(act, moment),
    reset,
    dispose: () => rm(folder, { recursive: true }),
  };
}
