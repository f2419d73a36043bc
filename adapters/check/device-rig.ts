import { mkdir, readFile, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import type { SlotId } from "../../src/ports/bootloader.ts";
import type { SlotDevice } from "../../src/ports/slot-device.ts";
import type { Sandbox } from "./sandbox.ts";
import { readFiles, writeFiles } from "./sandbox-files.ts";

/** Deliberately no multiple of common buffer and page sizes. */
const SLOT_BYTES = 200 * 1024 + 512;

/** Storage of the slots in the sandbox's folder. */
export const sandboxSlots = (root: string): Readonly<Record<SlotId, string>> => ({
  A: join(root, "slots/a"),
  B: join(root, "slots/b"),
});

/** @param create creates a fresh device, as a new process would: its memory must not survive a power loss */
export async function createDeviceRig(sandbox: Sandbox, create: () => Promise<SlotDevice>) {
  const paths = sandboxSlots(sandbox.root);
  for (const [slot, path] of Object.entries(paths)) {
    await mkdir(dirname(path), { recursive: true });
    await writeFile(path, Buffer.alloc(SLOT_BYTES, `what slot ${slot} held before. `));
  }
  const factory = readFiles(sandbox.root);
  let current = await create();
  const device: SlotDevice = {
    open: (slot, image, signal) => current.open(slot, image, signal),
    resumePoint: (slot, bytes) => current.resumePoint(slot, bytes),
    read: (slot, bytes, signal) => current.read(slot, bytes, signal),
  };
  const restart = async (): Promise<void> => {
    current = await create();
    await sandbox.settle();
  };
  await sandbox.settle();
  return {
    device,
    slotBytes: SLOT_BYTES,
    content: async (slot: SlotId): Promise<Uint8Array> => await readFile(paths[slot]),
    watch: (work: () => Promise<unknown>) =>
      sandbox.change(async () => {
        await work();
      }),
    async losePower() {
      await sandbox.losePower();
      await restart();
    },
    cutPowerAt: (act: number, moment: "before" | "during" | "after") => sandbox.cutPowerAt(act, moment),
    cutAct: () => sandbox.cutAct,
    failStorage: () => sandbox.failStorage(),
    failRead: <T>(number: number, work: () => Promise<T>) => sandbox.failRead(number, work),
    async reset() {
      writeFiles(sandbox.root, factory);
      await restart();
    },
  };
}
