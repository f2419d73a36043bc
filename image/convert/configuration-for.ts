import type { ImageBoard } from "../board/schema.ts";
import type { Layout, PlacedPartition } from "../layout.ts";
import { partitionOf } from "../placeholders.ts";

/** The keys of mender.conf that follow from the board: the slots and the boot loader. */
export function configurationFor(
  { bootloader }: ImageBoard,
  layout: Layout,
  mountOf: (partition: PlacedPartition) => string,
): Readonly<Record<string, unknown>> {
  const slots = {
    RootfsPartA: partitionOf(layout, "rootfsA")?.node,
    RootfsPartB: partitionOf(layout, "rootfsB")?.node,
  };
  const boot = partitionOf(layout, "boot");
  if (bootloader.kind === "grub") return { ...slots, Switchback: { Bootloader: "grub" } };
  if (bootloader.kind === "u-boot") return { ...slots, Switchback: { Bootloader: "uboot" } };
  if (bootloader.kind !== "rpi-tryboot" || boot === undefined) return slots;
  return {
    ...slots,
    Switchback: {
      Bootloader: "rpi-tryboot",
      BootFolder: mountOf(boot),
      BootPartitionA: partitionOf(layout, "bootA")?.number,
      BootPartitionB: partitionOf(layout, "bootB")?.number,
    },
  };
}
