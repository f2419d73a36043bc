/** The layout of a disk with two slots. */
export interface DiskLayout {
  readonly label: "dos" | "gpt";
  readonly sizeMiB: number;
  readonly firstPartitionMiB: number;
  readonly bootMiB: number;
  readonly rootfsMiB: number;
  readonly dataMiB: number;
}

/** A partition of the image. Partitions follow one another in the order of their numbers. */
export interface Partition {
  readonly name: "boot" | "A" | "B" | "data";
  readonly startMiB: number;
  readonly sizeMiB: number;
}

export type Partitions = readonly [Partition, Partition, Partition, Partition];

type Sizes = Omit<DiskLayout, "label" | "sizeMiB">;

export const sizesMiB = (disk: Sizes): readonly number[] => [
  disk.bootMiB,
  disk.rootfsMiB,
  disk.rootfsMiB,
  disk.dataMiB,
];

/**
 * The end of the last partition. A GPT disk must be larger, because GPT keeps its second table at the end of the disk.
 */
export const lastByteMiB = (disk: Sizes): number =>
  disk.firstPartitionMiB + sizesMiB(disk).reduce((sum, size) => sum + size, 0);

export function partitionsOf(disk: Sizes): Partitions {
  const boot = disk.firstPartitionMiB;
  const a = boot + disk.bootMiB;
  const b = a + disk.rootfsMiB;
  return [
    { name: "boot", startMiB: boot, sizeMiB: disk.bootMiB },
    { name: "A", startMiB: a, sizeMiB: disk.rootfsMiB },
    { name: "B", startMiB: b, sizeMiB: disk.rootfsMiB },
    { name: "data", startMiB: b + disk.rootfsMiB, sizeMiB: disk.dataMiB },
  ];
}
