import type { ErrorEntry } from "./error-entry.ts";

/** What is wrong with the partition table of an image. */
export const PARTITION_ERRORS = {
  PARTITION_TABLE_DAMAGED: { doc: "The partition table is damaged, and no valid copy of it is left." },
  PARTITION_OUTSIDE: {
    doc: "A partition, or a part of the partition table, lies outside of the image or of its extended partition.",
  },
  PARTITION_OVERLAP: { doc: "Two partitions overlap." },
  PARTITION_LOOP: { doc: "The chain of logical partitions leads back to itself." },
  PARTITION_LIMIT: { doc: "The partition table has more or larger entries than Switchback supports." },
} as const satisfies Record<string, ErrorEntry>;
