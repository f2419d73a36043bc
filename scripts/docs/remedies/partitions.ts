import type { Remedies } from "./section.ts";

export const PARTITION_TABLES = {
  PARTITION_TABLE_DAMAGED:
    "Get the image again: it was not written or copied completely. If the tool that made it wrote the table, check the " +
    "table with `sfdisk --verify`.",
  PARTITION_OUTSIDE:
    "The image is shorter than its partition table says, usually because a copy or a download was interrupted. Get it " +
    "again. `sfdisk --dump` shows the table.",
  PARTITION_OVERLAP:
    "`partition` and `other` are the numbers of the two partitions. Correct their places in the file that describes the " +
    "disk, and make the image again.",
  PARTITION_LOOP:
    "No program writes such a table by intent. Make the table again, with logical partitions in the order of their " +
    "places, or with GPT.",
  PARTITION_LIMIT:
    "Use at most 56 logical partitions in an MBR, or a GPT with at most 1024 entries. 128 entries are usual.",
} satisfies Remedies;
