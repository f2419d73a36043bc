import { build, used } from "./variable.ts";

/** The medium and its partitions. */
export const STORAGE = [
  used("MENDER_STORAGE_DEVICE", "text", "the disk in the running system", { standard: "/dev/mmcblk0" }),
  used("MENDER_STORAGE_DEVICE_BASE", "text", "the text before the number of a partition", {
    standard: "(the disk, with a p unless it is /dev/sdX, /dev/hdX or /dev/vdX)",
  }),
  used("MENDER_STORAGE_TOTAL_SIZE_MB", "megabytes", "size of the medium; the slots get what the other parts leave", {
    standard: "1024",
  }),
  used("MENDER_BOOT_PART_SIZE_MB", "megabytes", "size of the boot partition; 0 leaves it out", { standard: "16" }),
  used("MENDER_DATA_PART_SIZE_MB", "megabytes", "size of the data partition", { standard: "128" }),
  used("MENDER_SWAP_PART_SIZE_MB", "megabytes", "size of the swap partition; 0 leaves it out", { standard: "0" }),
  used(
    "MENDER_EXTRA_PARTS",
    "list",
    "names of further partitions, which follow the data partition; the flag of each name has options `--label=…` and `--fstype=ext4|vfat|swap`",
    {
      flags: true,
    },
  ),
  used("MENDER_EXTRA_PARTS_SIZES_MB", "megabytes", "sizes of these partitions, as flags", { flags: true }),
  used(
    "MENDER_EXTRA_PARTS_FSTAB",
    "text",
    "type and options for fstab of these partitions, as flags, such as `ext4 noexec`; without a flag, a partition is not mounted",
    {
      flags: true,
    },
  ),
  used(
    "MENDER_PARTITION_ALIGNMENT",
    "bytes",
    "partitions start at multiples of it, and their sizes are multiples of it",
    {
      standard: "8388608",
    },
  ),
  used("MENDER_STORAGE_PEB_SIZE", "bytes", "erase block of the medium, the default of the alignment", {
    standard: "8388608",
  }),
  used(
    "MENDER_RESERVED_SPACE_BOOTLOADER_DATA",
    "bytes",
    "space in front of the first partition, besides the partition table",
    {
      standard: "(with U-Boot twice the alignment, for two copies of its environment, else 0)",
    },
  ),
  used("MENDER_BOOT_PART", "text", "device of the boot partition", { standard: "(from the layout)" }),
  used("MENDER_BOOT_PART_FSTYPE", "text", "its type in fstab", { standard: "auto" }),
  used("MENDER_BOOT_PART_FSTAB_OPTS", "text", "its options in fstab", { standard: "defaults,sync" }),
  used("MENDER_BOOT_PART_MOUNT_LOCATION", "text", "its mount point", {
    standard: "(/uboot with U-Boot, /boot/efi with GRUB)",
  }),
  used("MENDER_BOOT_PART_LABEL", "text", "its label", { standard: "boot" }),
  used("MENDER_ROOTFS_PART_A", "text", "device of slot A; with mender-partuuid /dev/disk/by-partuuid/UUID", {
    standard: "(from the layout)",
  }),
  used("MENDER_ROOTFS_PART_B", "text", "device of slot B", { standard: "(from the layout)" }),
  used("MENDER_ROOTFS_PART_A_NUMBER", "number", "number of slot A", { standard: "(from the layout)" }),
  used("MENDER_ROOTFS_PART_B_NUMBER", "number", "number of slot B", { standard: "(from the layout)" }),
  used("MENDER_DATA_PART", "text", "device of the data partition", { standard: "(from the layout)" }),
  used("MENDER_DATA_PART_NUMBER", "number", "number of the data partition", { standard: "(from the layout)" }),
  used("MENDER_BOOT_PART_NUMBER", "number", "number of the boot partition", { standard: "(from the layout)" }),
  used("MENDER_DATA_PART_MOUNT_LOCATION", "text", "mount point of the data partition", { standard: "/data" }),
  used("MENDER_DATA_PART_FSTYPE", "text", "type of the data partition in fstab; its filesystem is always ext4", {
    standard: "auto",
  }),
  used("MENDER_DATA_PART_FSTAB_OPTS", "text", "its options in fstab", { standard: "defaults" }),
  used("MENDER_DATA_PART_LABEL", "text", "label of the filesystem of the data partition", { standard: "data" }),
  used("ARTIFACTIMG_FSTYPE", "text", "image type of the root filesystem, for slot A and for the Artifact", {
    standard: "ext4",
  }),
  used("SWITCHBACK_DISK_LABEL", "text", "dos or gpt: the partition table for which devices are numbered", {
    standard: "(gpt if IMAGE_FSTYPES has gptimg and no sdimg, else dos)",
  }),
  build("MENDER_CALC_ROOTFS_SIZE", "number", "size of a slot in KiB, which the classes compute"),
  build("MENDER_IMAGE_ROOTFS_MAXSIZE_DEFAULT", "number", "the same size, for IMAGE_ROOTFS_MAXSIZE"),
  build("MENDER_IMAGE_ROOTFS_SIZE_DEFAULT", "number", "the same size, for IMAGE_ROOTFS_SIZE"),
] as const;
