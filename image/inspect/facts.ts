import type { Configuration } from "./configuration.ts";
import type { FstabLine } from "./mounts.ts";
import type { ImageReport, ReportedPartition } from "./report.ts";
import type { SystemTree } from "./system-tree.ts";

/** Everything that the findings are about. */
export interface Facts extends Omit<ImageReport, "ok" | "findings"> {
  /** Absent if the image has no root file system that can be read. */
  readonly system?: SystemFacts;
  readonly slots: Slots;
  /** File systems that a tool could not read, by the number of the partition, and why. */
  readonly unreadable: ReadonlyMap<number, string>;
}

/** What concerns the first root file system, which the device boots first. */
export interface SystemFacts {
  readonly tree: SystemTree;
  readonly configuration: Configuration;
  readonly slots: Slots;
  /** A partition with the label `data` that fstab does not mount; scripts may mount it on `/data`. */
  readonly guessed?: ReportedPartition;
  readonly fstab: readonly (FstabLine & { readonly partition?: ReportedPartition | undefined })[];
  /** The partition that keeps the agent's data; absent if that is the root file system, or does not exist. */
  readonly data?: number;
  /** Where `/var/lib/mender` leads: `/data/mender`. */
  readonly datastore?: string;
}

export interface Slots {
  readonly A?: ReportedPartition;
  readonly B?: ReportedPartition;
  /** As mender.conf names them; absent if it does not, and the partitions are a guess. */
  readonly named?: { readonly A: string; readonly B: string };
}
