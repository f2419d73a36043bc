import type { ImageBoard, Role } from "./board/schema.ts";
import type { Layout, PlacedPartition } from "./layout.ts";

/**
 * Replaces `@rootfsA@` with the device node of the partition with that role, and `@rootfsA.partuuid@` with its PARTUUID.
 * `@device@`, `@console@` and `@deviceType@` come from the board file.
 */
export function placeholders({ disk, console, deviceType }: ImageBoard, layout?: Layout): (text: string) => string {
  const values = new Map([
    ["device", disk?.device ?? ""],
    ["console", console ?? ""],
    ["deviceType", deviceType],
  ]);
  for (const partition of layout?.partitions ?? []) {
    values.set(partition.role, partition.node);
    if (layout !== undefined) values.set(`${partition.role}.partuuid`, partuuidOf(layout, partition));
  }
  return (text) => text.replace(/@([\w.]+)@/g, (whole, name: string) => values.get(name) ?? whole);
}

/** As the kernel spells it in `/dev/disk/by-partuuid` and in `root=PARTUUID=`. */
const partuuidOf = (layout: Layout, { number, partuuid }: PlacedPartition): string =>
  layout.label === "dos"
    ? `${layout.id.toLowerCase()}-${number.toString(16).padStart(2, "0")}`
    : partuuid.toLowerCase();

export const partitionOf = (layout: Layout, role: Role): PlacedPartition | undefined =>
  layout.partitions.find((partition) => partition.role === role);
