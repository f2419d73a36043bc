import type { FileHandle } from "node:fs/promises";
import { AgentError } from "../../src/errors/agent-error.ts";
import type { SectorSize, TablePartition } from "./table.ts";

/** The sizes that disks have; the usual one comes first. */
export const SECTOR_SIZES = [512, 4096] as const satisfies readonly SectorSize[];

/** An image, and how it counts. */
export interface Disk {
  readonly file: FileHandle;
  readonly size: number;
  readonly sectorSize: SectorSize;
}

/** @returns `undefined` if the place is not completely inside the image */
export async function bytesAt({ file, size }: Disk, offset: number, length: number): Promise<Buffer | undefined> {
  if (!isInside({ offset, size: length }, { offset: 0, size })) return undefined;
  const bytes = Buffer.alloc(length);
  for (let filled = 0; filled < length; ) {
    const { bytesRead } = await file.read(bytes, filled, length - filled, offset + filled);
    if (bytesRead === 0) return undefined;
    filled += bytesRead;
  }
  return bytes;
}

interface Place {
  readonly offset: number;
  readonly size: number;
}

/** False for numbers that are too large to be exact: no file has such a place. */
export const isInside = (inner: Place, outer: Place): boolean =>
  Number.isSafeInteger(inner.offset + inner.size) &&
  inner.offset >= outer.offset &&
  inner.offset + inner.size <= outer.offset + outer.size;

/** @throws {AgentError} PARTITION_OUTSIDE, PARTITION_OVERLAP */
export function checkPlaces(partitions: readonly TablePartition[], { size }: Disk): void {
  for (const partition of partitions) {
    if (partition.size > 0 && isInside(partition, { offset: 0, size })) continue;
    const { number, offset } = partition;
    throw new AgentError("PARTITION_OUTSIDE", { partition: number, offset, size: partition.size, imageSize: size });
  }
  checkOverlaps(partitions.filter((partition) => partition.container !== true));
  // Logical partitions, which have the numbers from 5 on, are inside of the extended one.
  checkOverlaps(partitions.filter((partition) => partition.container === true || partition.number < FIRST_LOGICAL));
}

/** The number of the first logical partition. */
export const FIRST_LOGICAL = 5;

function checkOverlaps(partitions: readonly TablePartition[]): void {
  const sorted = partitions.toSorted((one, two) => one.offset - two.offset);
  for (const [index, partition] of sorted.entries()) {
    const next = sorted[index + 1];
    if (next === undefined || partition.offset + partition.size <= next.offset) continue;
    throw new AgentError("PARTITION_OVERLAP", { partition: partition.number, other: next.number });
  }
}
