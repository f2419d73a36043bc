import { AgentError } from "../../src/errors/agent-error.ts";
import type { SlotId } from "../../src/ports/bootloader.ts";

/** Number of the partition or UBI volume of each slot. 0 is valid: UBI counts from 0. */
export type SlotPartitions = Readonly<Record<SlotId, number>>;

/** The digits at the end of a device's name: 10 for `/dev/mmcblk0p10`, 0 for `ubi0_0`. */
export function partitionNumber(devicePath: string): number | undefined {
  const digits = /[0-9]+$/.exec(devicePath)?.[0];
  return digits === undefined ? undefined : Number(digits);
}

/**
 * Partition numbers of both slots, from the paths that `normalizeSlotPath` returns.
 *
 * @throws {AgentError} SLOT_CONFIG if one has no number, or both have the same
 */
export function slotPartitions(pathA: string, pathB: string): SlotPartitions {
  const A = partitionNumber(pathA);
  const B = partitionNumber(pathB);
  if (A === undefined || B === undefined || A === B) {
    throw new AgentError("SLOT_CONFIG", { RootfsPartA: pathA, RootfsPartB: pathB });
  }
  return { A, B };
}

/** The slot with the number `text`, compared as a whole number: 1 does not match 11. */
export function slotOfNumber(text: string, partitions: SlotPartitions): SlotId | undefined {
  if (!/^[0-9]+$/.test(text)) return undefined;
  const number = Number(text);
  if (number === partitions.A) return "A";
  return number === partitions.B ? "B" : undefined;
}
