import type { ImageContext } from "../context.ts";
import { partitionNamed } from "../mounts.ts";

/** The number of the partition that a kernel's command line names as its root file system. */
export function rootIn(commandLine: string, { partitions }: ImageContext): number | undefined {
  const name = /(?:^|\s)root=(\S+)/.exec(commandLine)?.[1];
  return name === undefined ? undefined : partitionNamed(name, partitions)?.number;
}
