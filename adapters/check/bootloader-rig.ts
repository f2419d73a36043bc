import type { Bootloader, SlotId } from "../../src/ports/bootloader.ts";
import type { Firmware, SystemFate } from "./firmware.ts";
import type { Sandbox } from "./sandbox.ts";
import { readFiles, writeFiles } from "./sandbox-files.ts";

export interface SandboxRigOptions {
  readonly sandbox: Sandbox;
  readonly firmware: Firmware;
  /** Creates a fresh adapter, as a new process would: its memory must not survive a power-on. */
  readonly create: () => Promise<Bootloader>;
}

/** A board in a sandbox's folder, with the adapter under test as its boot loader. */
export async function createSandboxRig({ sandbox, firmware, create }: SandboxRigOptions) {
  const up: Readonly<Record<SlotId, SystemFate>> = { A: "up", B: "up" };
  let fates = up;
  let instance: Promise<Bootloader> | undefined;
  const adapter = (): Promise<Bootloader> => {
    instance ??= create();
    return instance;
  };
  const restart = async (argument?: string): Promise<SlotId | undefined> => {
    instance = undefined;
    const slot = await firmware.powerOn(fates, argument);
    await sandbox.settle();
    return slot;
  };
  const powerCycle = (): Promise<SlotId | undefined> => restart();
  await firmware.factory();
  await firmware.powerOn(up);
  const factory = readFiles(sandbox.root);
  const reset = async (): Promise<void> => {
    fates = up;
    writeFiles(sandbox.root, factory);
    await powerCycle();
  };
  await reset();

  const look = async <T>(query: (boot: Bootloader) => Promise<T>): Promise<T> => query(await adapter());
  const change = (mutation: (boot: Bootloader) => Promise<void>): Promise<void> =>
    sandbox.change(async () => mutation(await adapter()));
  const boot: Bootloader = {
    kind: "sandbox",
    booted: (signal) => look((b) => b.booted(signal)),
    plan: (signal) => look((b) => b.plan(signal)),
    arm: (slot, signal) => change((b) => b.arm(slot, signal)),
    confirm: (signal) => change((b) => b.confirm(signal)),
    revert: (slot, signal) => change((b) => b.revert(slot, signal)),
    expectWritable: (signal) => look(async (b) => b.expectWritable?.(signal)),
  };
  const reboot = async (): Promise<SlotId | undefined> => {
    const { signal } = new AbortController();
    return restart(await look(async (b) => b.rebootArgument?.(signal)));
  };
  return {
    boot,
    powerCycle,
    reboot,
    async losePower() {
      await sandbox.losePower();
      instance = undefined;
      return reboot();
    },
    async setFate(slot: SlotId, fate: SystemFate): Promise<void> {
      fates = { ...fates, [slot]: fate };
    },
    cutPowerAt: (act: number, moment: "before" | "during" | "after") => sandbox.cutPowerAt(act, moment),
    cutAct: () => sandbox.cutAct,
    failStorage: () => sandbox.failStorage(),
    failRead: <T>(number: number, work: () => Promise<T>) => sandbox.failRead(number, work),
    reset,
  };
}
