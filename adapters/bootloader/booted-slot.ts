import { AgentError } from "../../src/errors/agent-error.ts";
import type { SlotId } from "../../src/ports/bootloader.ts";
import type { Logger } from "../../src/util/logger.ts";
import { findBlockDevice } from "../linux/find-block-device.ts";
import { lowerFolders, type Mount, readMounts, rootMount } from "../linux/mount-table.ts";
import { createRunningSystem, type RunningSystem } from "../linux/running-system.ts";
import { ubiVolume } from "../linux/ubi-volume.ts";
import { normalizeSlotPath } from "./slot-path.ts";

export interface BootedSlotOptions {
  /** RootfsPartA and RootfsPartB as configured. */
  readonly slots: Readonly<Record<SlotId, string>>;
  readonly system?: RunningSystem;
  readonly log?: Logger;
}

/**
 * Finds the slot that holds the running root file system. It asks the kernel, never the boot environment. It first
 * looks at what is mounted:
 * - the device number of `/`;
 * - if that number is anonymous (UBIFS, overlay, btrfs), the source of the mount at `/`;
 * - below an overlay, the mount of a lower folder, or the only slot that is in use.
 *
 * The kernel's `root=` counts last: a label on the command line states what was requested, and an update copies labels.
 *
 * @throws {AgentError} SLOT_UNKNOWN if neither slot is running, SLOT_CONFIG if both are the same device
 * @see Mender board integration, "Deciding active / inactive partition"
 */
export function createBootedSlot({ slots, system = createRunningSystem(), log }: BootedSlotOptions) {
  // Cached, because the evidence changes while this process runs: an update claims the other slot.
  let known: SlotId | undefined;
  return async (signal: AbortSignal): Promise<SlotId> => {
    signal.throwIfAborted();
    known ??= await look(slots, system, log);
    return known;
  };
}

async function look(slots: BootedSlotOptions["slots"], system: RunningSystem, log?: Logger): Promise<SlotId> {
  const identities = await slotIdentities(slots, system);
  const mounts = readMounts(await system.readText("/proc/self/mountinfo"));
  const root = rootMount(mounts);
  const argument = rootArgument(await system.readText("/proc/cmdline"));
  const named = argument === undefined ? undefined : await identities.ofName(argument);
  const ofMount = async (mount: Mount): Promise<SlotId | undefined> =>
    identities.ofNumber(mount.number) ?? (await identities.ofName(mount.source))?.slot;

  const mounted =
    identities.ofNumber(await system.fileSystemNumber("/")) ??
    (root === undefined ? undefined : (await identities.ofName(root.source))?.slot);
  if (mounted !== undefined) return mounted;
  if (root?.type === "overlay") {
    const others = mounts.filter((mount) => mount !== root);
    const below = await slotBelow(root, others, ofMount);
    if (below !== undefined) return below;
    // With the root on a third device, a slot can be in use merely because a user has mounted it.
    if (!named?.isOther) {
      const used = new Set([...(await identities.claimed()), ...(await slotsOf(others, ofMount))]);
      const [only] = used;
      if (only !== undefined && used.size === 1) return only;
    }
  }
  if (named?.slot !== undefined) {
    if (named.doubt !== undefined) log?.("warning", `Assuming that slot ${named.slot} is booted: ${named.doubt}`);
    return named.slot;
  }
  throw new AgentError("SLOT_UNKNOWN", {
    root: root?.source ?? "",
    argument: argument ?? "",
    RootfsPartA: slots.A,
    RootfsPartB: slots.B,
  });
}

type OfMount = (mount: Mount) => Promise<SlotId | undefined>;

/** The slot mounted on a lower folder, even if another mount hides it; `undefined` if both slots are mounted there. */
async function slotBelow(root: Mount, others: readonly Mount[], ofMount: OfMount): Promise<SlotId | undefined> {
  for (const folder of lowerFolders(root)) {
    const found = await slotsOf(
      others.filter((mount) => mount.folder === folder),
      ofMount,
    );
    const [only] = found;
    if (only !== undefined && found.size === 1) return only;
  }
  return undefined;
}

async function slotsOf(mounts: readonly Mount[], ofMount: OfMount): Promise<ReadonlySet<SlotId>> {
  const found = new Set<SlotId>();
  for (const mount of mounts) {
    const slot = await ofMount(mount);
    if (slot !== undefined) found.add(slot);
  }
  return found;
}

interface Named {
  readonly slot: SlotId | undefined;
  /** The name certainly belongs to a device that is neither slot. */
  readonly isOther?: boolean;
  readonly doubt?: string;
}

/** RAM disks: a command line may name one although the root file system is elsewhere. */
const RAM_DISK = /^1:/;

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
  const ofNumber = (number: string): SlotId | undefined => match((slot) => same(slot.number, number));
  return {
    ofNumber,
    async ofName(name: string): Promise<Named | undefined> {
      const volume = await ubiVolume(name, system);
      if (volume !== undefined) return { slot: match((slot) => same(slot.volume, volume)) };
      const found = await findBlockDevice(name, system);
      if (found === undefined) return undefined;
      const slot = ofNumber(found.number);
      const isOther = slot === undefined && found.doubt === undefined && !RAM_DISK.test(found.number);
      return { slot, isOther, ...(found.doubt !== undefined && { doubt: found.doubt }) };
    },
    async claimed(): Promise<readonly SlotId[]> {
      const claims = async (slot: SlotId): Promise<readonly SlotId[]> =>
        (await system.isClaimed(normalizeSlotPath(slots[slot], system.realpath))) ? [slot] : [];
      return [...(await claims("A")), ...(await claims("B"))];
    },
  };
}

/** The value of the last `root=`. A quoted value may contain spaces. */
function rootArgument(commandLine: string | undefined): string | undefined {
  const words = commandLine?.match(/(?:"[^"]*"|[^\s"])+/g) ?? [];
  const last = words.findLast((word) => word.startsWith("root="));
  return last?.slice("root=".length).replaceAll('"', "");
}
