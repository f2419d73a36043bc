import { build, used } from "./variable.ts";

/** Boot loaders and their environments. */
export const BOOT = [
  used("SWITCHBACK_BOOTLOADER", "text", "u-boot, grub or none", {
    standard: "(from the features mender-uboot and mender-grub, or from the architecture: grub for x86, else u-boot)",
  }),
  build("MENDER_FEATURES_ENABLE", "list", "features to switch on; each becomes an override"),
  build("MENDER_FEATURES_DISABLE", "list", "features to switch off again"),
  build("MENDER_FEATURES", "list", "the features that are on"),
  build("SWITCHBACK_FULL_BOOT", "list", "the features of a boot loader that switchback-full adds"),
  build("SWITCHBACK_FEATURES", "list", "the features that are on, as the classes compute them"),
  used("MENDER_IMAGE_BOOTLOADER_FILE", "text", "file in DEPLOY_DIR_IMAGE to write in front of the partitions"),
  used("MENDER_IMAGE_BOOTLOADER_BOOTSECTOR_OFFSET", "sectors", "its place, in sectors of 512 bytes", { standard: "2" }),
  used("MENDER_UBOOT_ENV_STORAGE_DEVICE_OFFSET", "bytes", "place of the first copy of the environment", {
    standard: "(the alignment)",
    feature: "U-Boot",
  }),
  used("MENDER_UBOOT_ENV_STORAGE_DEVICE_OFFSET_1", "bytes", "the same place", {
    standard: "(MENDER_UBOOT_ENV_STORAGE_DEVICE_OFFSET)",
    feature: "U-Boot",
  }),
  used("MENDER_UBOOT_ENV_STORAGE_DEVICE_OFFSET_2", "bytes", "place of the second copy", {
    standard: "(one alignment after the first)",
    feature: "U-Boot",
  }),
  used("BOOTENV_SIZE", "bytes", "size of one copy of the environment", { standard: "0x20000", feature: "U-Boot" }),
  used("MENDER_UBOOT_STORAGE_INTERFACE", "text", "U-Boot's name of the interface, such as mmc", {
    standard: "(from the disk)",
    feature: "U-Boot",
  }),
  used("MENDER_UBOOT_STORAGE_DEVICE", "number", "U-Boot's number of the disk", {
    standard: "(from the disk)",
    feature: "U-Boot",
  }),
  used("MENDER_UBOOT_CONFIG_SYS_MMC_ENV_PART", "number", "hardware partition of an eMMC that has the environment", {
    standard: "0",
    feature: "U-Boot",
  }),
  used("MENDER_UBOOT_MMC_ENV_LINUX_DEVICE_PATH", "text", "the device with the environment, for fw_env.config", {
    standard: "(the disk, or its boot partition, such as /dev/mmcblk0boot0)",
    feature: "U-Boot",
  }),
  used("MENDER_UBOOT_PRE_SETUP_COMMANDS", "text", "commands of U-Boot before the slot is chosen", {
    feature: "U-Boot",
  }),
  used("MENDER_UBOOT_POST_SETUP_COMMANDS", "text", "commands of U-Boot after the slot is chosen", {
    feature: "U-Boot",
  }),
  used("SWITCHBACK_UBOOT_BOOTCMD", "text", "value of bootcmd", {
    standard: "(loads the kernel and the device tree from /boot of the slot)",
    feature: "U-Boot",
  }),
  used("SWITCHBACK_UBOOT_ENVIRONMENT", "path", "file with further lines name=value, which replace others", {
    feature: "U-Boot",
  }),
  used(
    "SWITCHBACK_KERNEL_ARGS",
    "text",
    "arguments of the kernel after root=; only with panic= does a panic end a trial",
    {
      standard: "rootwait ro panic=1",
    },
  ),
  used("MENDER_KERNEL_IMAGETYPE_FORCE", "text", "name of the kernel in /boot", { standard: "(KERNEL_IMAGETYPE)" }),
  used("MENDER_DTB_NAME_FORCE", "text", "name of the device tree in /boot", {
    standard: "(the first one in KERNEL_DEVICETREE)",
    feature: "U-Boot",
  }),
  used("MENDER_GRUB_STORAGE_DEVICE", "text", "GRUB's name of the disk, such as hd0", {
    standard: "(the disk of GRUB's files)",
    feature: "GRUB",
  }),
] as const;
