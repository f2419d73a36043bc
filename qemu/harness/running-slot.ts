import type { Slot } from "./device.ts";

/** The numbers of the partitions that hold the slots. */
export type SlotPartitions = Readonly<Record<Slot, number>>;

/** Shell that prints everything that shows which system runs. The kernel draws a new identifier at each start. */
export const SYSTEM_FACTS =
  "cat /proc/sys/kernel/random/boot_id /proc/cmdline /proc/self/mountinfo; grep -H PARTN= /sys/dev/block/*/uevent";

export interface SystemFacts {
  readonly bootId: string;
  /** Number of the partition that is mounted on `/`; undefined if nothing shows it. */
  readonly rootPartition?: number | undefined;
}

/** Reads what `SYSTEM_FACTS` prints. */
export function parseSystemFacts(text: string): SystemFacts {
  const [bootId = "", commandLine = "", ...lines] = text.split("\n");
  const device = lines
    .map((line) => /^\d+ \d+ (\d+:\d+) \S+ \/ /.exec(line)?.[1])
    .findLast((each) => each !== undefined);
  const numbers = new Map(
    lines.flatMap((line) => {
      const [, at, number] = /^\/sys\/dev\/block\/(\d+:\d+)\/uevent:PARTN=(\d+)$/.exec(line) ?? [];
      return at === undefined ? [] : [[at, Number(number)] as const];
    }),
  );
  // With an overlay on `/`, the kernel's command line still names the partition.
  const named = /(?:^|\s)root=\/dev\/(?:(?:mmcblk|nvme\d+n)\d+p|[shv]d[a-z]+)(\d+)(?:\s|$)/.exec(commandLine)?.[1];
  const rootPartition = numbers.get(device ?? "") ?? (named === undefined ? undefined : Number(named));
  return { bootId: bootId.trim(), rootPartition };
}
