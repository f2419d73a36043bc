import { AgentError } from "../../src/errors/agent-error.ts";
import { down, toMb, up } from "./numbers.ts";
import type { DiskLabel, Settings } from "./settings.ts";

const TOTAL = "MENDER_STORAGE_TOTAL_SIZE_MB";

/** A DOS table has four partitions, or three and logical ones. */
const DOS_PRIMARY = 4;

/**
 * What all parts but the slots take, with the space in front of the first partition and after the last one. Each logical
 * partition of a DOS disk has a boot record in front; the first of them takes the space at the end of the disk.
 */
function otherBytes(settings: Settings, label: DiskLabel): number {
  const { alignment, bootBytes, dataBytes, swapBytes, extras, reservedBytes } = settings;
  const parts = [bootBytes, dataBytes, swapBytes, ...extras.map(({ sizeBytes }) => sizeBytes)].filter(
    (size) => size > 0,
  );
  const partitions = parts.length + 2;
  const records = label === "dos" ? Math.max(0, partitions - DOS_PRIMARY) : 0;
  return parts.reduce(
    (sum, bytes) => sum + up(bytes, alignment),
    (2 + records) * alignment + up(reservedBytes, alignment),
  );
}

/** Size of each of the two slots. @throws {AgentError} YOCTO_SPACE */
export function slotBytes(settings: Settings, label = settings.label): number {
  const { totalBytes, alignment } = settings;
  const others = otherBytes(settings, label);
  const bytes = down((totalBytes - others) / 2, alignment);
  if (bytes >= alignment) return bytes;
  throw tooSmall(settings, others + 2 * alignment);
}

/**
 * Checks that a root filesystem fits.
 *
 * @param agent what the agent and Node take of it, in words
 * @throws {AgentError} YOCTO_SPACE, YOCTO_ROOTFS_SPACE
 */
export function checkRootfs(settings: Settings, rootfsBytes: number, agent: () => Promise<string>): Promise<void> {
  const slot = slotBytes(settings);
  return rootfsBytes <= slot ? Promise.resolve() : refuse(settings, rootfsBytes, slot, agent);
}

async function refuse(settings: Settings, rootfsBytes: number, slot: number, agent: () => Promise<string>) {
  const needed = otherBytes(settings, settings.label) + 2 * up(rootfsBytes, settings.alignment);
  throw new AgentError("YOCTO_ROOTFS_SPACE", {
    variable: TOTAL,
    value: toMb(settings.totalBytes),
    needed: toMb(needed),
    rootfsMb: toMb(rootfsBytes),
    slotMb: toMb(slot),
    missingMb: toMb(rootfsBytes - slot),
    agent: await agent(),
  });
}

const tooSmall = ({ totalBytes }: Settings, needed: number): AgentError =>
  new AgentError("YOCTO_SPACE", {
    variable: TOTAL,
    value: toMb(totalBytes),
    needed: toMb(needed),
    missingMb: toMb(needed - totalBytes),
    reason: "nothing is left for two slots; all sizes are in MB",
  });
