import { AgentError } from "../../src/errors/agent-error.ts";
import type { SlotId } from "../../src/ports/bootloader.ts";
import { findBlockDevice } from "./find-block-device.ts";
import { lowerFolders, type Mount, readMounts, rootMount } from "./mount-table.ts";
import { createRunningSystem, type RunningSystem } from "./running-system.ts";
import { normalizeSlotPath } from "./slot-path.ts";
import { ubiVolume } from "./ubi-volume.ts";

export interface BootedSlotOptions {
  /** RootfsPartA and RootfsPartB as configured. */
  readonly slots: Readonly<Record<SlotId, string>>;
  readonly system?: RunningSystem;
}

/**
 * Finds out which slot holds the root file system that runs now, from the kernel and never from the boot
 * environment: by the device number of `/`; where that is anonymous (UBIFS, overlay, btrfs) by what is
 * mounted there, by the kernel's `root=` argument, and by the lower layers of an overlay.
 *
 * @throws {AgentError} SLOT_UNKNOWN when what runs is neither slot, SLOT_CONFIG when both are one device
 * @see Mender board integration, "Deciding active / inactive partition"
 */
export function createBootedSlot({ slots, system = createRunningSystem() }: BootedSlotOptions) {
  return async (signal: AbortSignal): Promise<SlotId> => {
    signal.throwIfAborted();
    const identify = await slotIdentities(slots, system);
    const mounts = readMounts(await system.readText("/proc/self/mountinfo"));
    const root = rootMount(mounts);
    const argument = rootArgument(await system.readText("/proc/cmdline"));
    const number = await system.fileSystemNumber("/");
    for (const clue of [{ kind: "number", number } as const, ...clues(root, argument, mounts)]) {
      const slot = await identify(clue);
      if (slot !== undefined) return slot;
    }
    throw new AgentError("SLOT_UNKNOWN", {
      root: root?.source ?? "",
      argument: argument ?? "",
      RootfsPartA: slots.A,
      RootfsPartB: slots.B,
    });
  };
}

type Clue = { readonly kind: "number"; readonly number: string } | { readonly kind: "name"; readonly name: string };

/** What tells of the root where its file system has no device number of its own, the surest first. */
function clues(root: Mount | undefined, argument: string | undefined, mounts: readonly Mount[]): readonly Clue[] {
  const found: Clue[] = [];
  if (root !== undefined) found.push({ kind: "name", name: root.source });
  if (argument !== undefined) found.push({ kind: "name", name: argument });
  for (const folder of root === undefined ? [] : lowerFolders(root)) {
    const lower = mounts.findLast((mount) => mount.folder === folder);
    if (lower !== undefined) found.push({ kind: "number", number: lower.number }, { kind: "name", name: lower.source });
  }
  return found;
}

async function slotIdentities(slots: Readonly<Record<SlotId, string>>, system: RunningSystem) {
  const of = async (path: string) => ({
    volume: await ubiVolume(path, system),
    number: await system.blockNumber(normalizeSlotPath(path, system.realpath)),
  });
  const A = await of(slots.A);
  const B = await of(slots.B);
  const same = <T>(a: T | undefined, b: T | undefined): boolean => a !== undefined && a === b;
  const match = (test: (slot: typeof A) => boolean): SlotId | undefined => (test(A) ? "A" : test(B) ? "B" : undefined);
  if (same(A.volume, B.volume) || same(A.number, B.number)) {
    throw new AgentError("SLOT_CONFIG", { RootfsPartA: slots.A, RootfsPartB: slots.B });
  }
  return async (clue: Clue): Promise<SlotId | undefined> => {
    if (clue.kind === "number") return match((slot) => same(slot.number, clue.number));
    const volume = await ubiVolume(clue.name, system);
    if (volume !== undefined) return match((slot) => same(slot.volume, volume));
    const number = await findBlockDevice(clue.name, system);
    return match((slot) => same(slot.number, number));
  };
}

/** The value of the last `root=`. A value in quotes may hold blanks. */
function rootArgument(commandLine: string | undefined): string | undefined {
  const words = commandLine?.match(/(?:"[^"]*"|[^\s"])+/g) ?? [];
  const last = words.findLast((word) => word.startsWith("root="));
  return last?.slice("root=".length).replaceAll('"', "");
}
