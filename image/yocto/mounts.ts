import type { YoctoPartition } from "./partitions.ts";
import { flagsOf, valueIn } from "./read-variables.ts";
import type { Settings } from "./settings.ts";

/** A line of fstab. */
interface Mount {
  readonly source: string;
  readonly folder: string;
  readonly type: string;
  readonly options: string;
}

/** Where the data partition is mounted. */
export const dataFolder = ({ variables }: Settings): string =>
  valueIn(variables, "MENDER_DATA_PART_MOUNT_LOCATION") ?? "";

/** Where the boot partition is mounted, by the boot loader. */
export const bootFolder = ({ variables, bootloader }: Settings): string =>
  valueIn(variables, "MENDER_BOOT_PART_MOUNT_LOCATION") ?? (bootloader === "u-boot" ? "/uboot" : "/boot/efi");

/** What fstab needs beside the root filesystem, which the boot loader chooses. */
export function mountsOf(settings: Settings, partitions: readonly YoctoPartition[]): readonly Mount[] {
  const { variables, features } = settings;
  const text = (name: string): string => valueIn(variables, name) ?? "";
  const extraLines = flagsOf(variables, "MENDER_EXTRA_PARTS_FSTAB");
  return partitions.flatMap(({ role, device, label, name, partuuid, filesystem }): readonly Mount[] => {
    const byLabel = features.has("mender-partlabel")
      ? `LABEL=${filesystem === "vfat" ? fatLabel(label) : label}`
      : device;
    const source = partuuid === undefined ? byLabel : `PARTUUID=${partuuid}`;
    if (role === "boot") {
      const [type, options] = [text("MENDER_BOOT_PART_FSTYPE"), text("MENDER_BOOT_PART_FSTAB_OPTS")];
      return [{ source, folder: bootFolder(settings), type, options }];
    }
    if (role === "data") {
      const [type, options] = [text("MENDER_DATA_PART_FSTYPE"), text("MENDER_DATA_PART_FSTAB_OPTS")];
      return [{ source, folder: dataFolder(settings), type, options }];
    }
    if (filesystem === "swap") return [{ source: device, folder: "none", type: "swap", options: "sw" }];
    const [type, options = "defaults"] = extraLines.get(name ?? "")?.split(/\s+/) ?? [];
    return type === undefined ? [] : [{ source, folder: `/mnt/${label}`, type, options }];
  });
}

/** As the image tool writes it: FAT has only capital letters. */
const fatLabel = (label: string): string => label.toUpperCase().slice(0, 11);

/** Lines for /etc/fstab. */
export const fstabOf = (mounts: readonly Mount[]): string =>
  mounts
    .map(({ source, folder, type, options }) => `${source} ${folder} ${type} ${options} 0 ${type === "swap" ? 0 : 2}\n`)
    .join("");
