import { ignored, refused, used } from "./variable.ts";

const OFF = /^\s*(?:0|no|false)?\s*$/i;
const PATCHES =
  "the layer never patches U-Boot: it brings a Kconfig fragment and an environment, and checks the result";
const UBI = "the layer makes no images for UBI; `switchback image create` does";
const BIOS = "GRUB works through UEFI only";

/** Variables of BitBake and OE-Core that the commands read. */
export const BITBAKE = [
  used("MACHINE", "text", "name of the board"),
  used("TARGET_ARCH", "text", "architecture of the board"),
  used("IMAGE_FSTYPES", "list", "image types of the build"),
  used("IMAGE_BASENAME", "text", "name of the image"),
  used("IMAGE_BOOT_FILES", "list", "files of the boot partition, which the class copies"),
  used("KERNEL_IMAGETYPE", "text", "name of the kernel in /boot"),
  used("KERNEL_DEVICETREE", "list", "device trees of the board"),
  used("SERIAL_CONSOLES", "list", "consoles, of which the first one becomes console= of the kernel"),
] as const;

/** Variables of meta-mender that have no meaning here. */
export const FOREIGN = [
  ignored("MENDER_UBOOT_AUTO_CONFIGURE", "switch", PATCHES, { harmless: OFF }),
  ignored("MENDER_STORAGE_RESERVED_RAW_SPACE_DEFAULT", "bytes", "replaced by MENDER_RESERVED_SPACE_BOOTLOADER_DATA"),
  ignored("MENDER_PARTITIONING_OVERHEAD_KB", "number", "the overhead follows from the alignment"),
  ignored("MENDER_BOOT_PART_FSTYPE_TO_GEN", "text", "the boot partition is always FAT", {
    harmless: /^(?:vfat|auto)?$/,
  }),
  ignored("MENDER_DATA_PART_FSTYPE_TO_GEN", "text", "the data partition is always ext4", {
    harmless: /^(?:ext4|auto)?$/,
  }),
  ignored("MENDER_BOOT_PART_FSOPTS", "text", "the image tool chooses the options of the filesystem"),
  ignored("MENDER_DATA_PART_FSOPTS", "text", "the image tool chooses the options of the filesystem"),
  ignored(
    "MENDER_CONFIGURATION_VARS",
    "list",
    "use SWITCHBACK_CONFIGURATION_FRAGMENTS for further keys of mender.conf",
  ),
  ignored("MENDER_DEMO_HOST_IP_ADDRESS", "text", "there is no demo server"),
  ignored("MENDER_EXTRA_PARTS_TOTAL_SIZE_MB", "megabytes", "it follows from MENDER_EXTRA_PARTS_SIZES_MB"),
  ignored("MENDER_ROOTFS_PART_A_NAME", "text", "it is for UBI volumes only"),
  ignored("MENDER_ROOTFS_PART_B_NAME", "text", "it is for UBI volumes only"),
  ignored("MENDER_MACHINE", "text", "MACHINE says the same"),
  ignored("MENDER_SPL_OFFSET_KB", "number", "use MENDER_IMAGE_BOOTLOADER_FILE and its offset"),
  ignored("MENDER_CONNECT_ENABLE", "switch", "Switchback does not include mender-connect", { harmless: OFF }),
  ignored("MENDER_CONNECT_USER", "text", "Switchback does not include mender-connect"),
  ignored("MENDER_UBOOT_TOOLS", "text", "the agent reads the environment itself"),
  refused("MENDER_MBR_BOOTLOADER_FILE", "text", BIOS, { harmless: /^$/ }),
  ignored("MENDER_MBR_BOOTLOADER_LENGTH", "number", BIOS),
  ignored("MENDER_FLASH_MINIMUM_IO_UNIT", "number", UBI),
  ignored("MENDER_IS_ON_MTDID", "text", UBI),
  ignored("MENDER_MAXIMUM_LEB_COUNT", "number", UBI),
  refused("MENDER_MTDIDS", "text", UBI, { harmless: /^$/ }),
  refused("MENDER_MTDPARTS", "text", UBI, { harmless: /^$/ }),
  refused("MENDER_MTD_UBI_DEVICE_NAME", "text", UBI, { harmless: /^$/ }),
  ignored("MENDER_NAND_FLASH_PAGE_SIZE", "number", UBI),
  ignored("MENDER_UBI_LEB_PEB_BLOCK_OVERHEAD", "number", UBI),
  ignored("MENDER_UBI_LEB_SIZE", "number", UBI),
  ignored("MENDER_UBI_TOTAL_BAD_PEB_OVERHEAD", "number", UBI),
  ignored("MENDER_UBI_TOTAL_FIXED_OVERHEAD", "number", UBI),
  ignored("MENDER_UBI_TOTAL_LEB_PEB_OVERHEAD", "number", UBI),
] as const;

/** Names that are gone, and what replaced them. */
export const RENAMED: Readonly<Record<string, string>> = {
  MENDER_PARTITION_ALIGNMENT_MB: "MENDER_PARTITION_ALIGNMENT",
  MENDER_PARTITION_ALIGNMENT_KB: "MENDER_PARTITION_ALIGNMENT",
  MENDER_STORAGE_RESERVED_RAW_SPACE: "MENDER_RESERVED_SPACE_BOOTLOADER_DATA",
  IMAGE_BOOTLOADER_FILE: "MENDER_IMAGE_BOOTLOADER_FILE",
  IMAGE_BOOTLOADER_BOOTSECTOR_OFFSET: "MENDER_IMAGE_BOOTLOADER_BOOTSECTOR_OFFSET",
  SDIMG_DATA_PART_SIZE_MB: "MENDER_DATA_PART_SIZE_MB",
  SDIMG_BOOT_PART_SIZE_MB: "MENDER_BOOT_PART_SIZE_MB",
  SDIMG_PARTITION_ALIGNMENT_MB: "MENDER_PARTITION_ALIGNMENT",
  SDIMG_DATA_PART_DIR: "recipes that install files to /data",
  MENDER_DATA_PART_DIR: "recipes that install files to /data",
  MENDER_BOOT_PART_FSTAB_ENTRY: "MENDER_BOOT_PART_FSTAB_OPTS",
  MENDER_DATA_PART_FSTAB_ENTRY: "MENDER_DATA_PART_FSTAB_OPTS",
};
