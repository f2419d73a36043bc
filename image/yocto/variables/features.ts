/** Features of MENDER_FEATURES_ENABLE, and what they do here. */
export const FEATURES: Readonly<Record<string, string>> = {
  "switchback-full": "the usual features for the boot loader of the board",
  "switchback-lean-node": "Node is built without npm, inspector and most of ICU",
  "mender-uboot": "the boot loader is U-Boot",
  "mender-grub": "the boot loader is GRUB, through UEFI",
  "mender-systemd": "units of systemd start the agent",
  "mender-client-install": "the agent is installed",
  "mender-install": "the agent is installed",
  "mender-image": "Artifacts are made, and files follow the layout of the disk",
  "mender-image-sd": "IMAGE_FSTYPES gets sdimg",
  "mender-image-gpt": "IMAGE_FSTYPES gets gptimg",
  "mender-image-uefi": "IMAGE_FSTYPES gets gptimg, with an EFI system partition",
  "mender-growfs-data": "the data partition grows to the end of the medium at the first start",
  "mender-partuuid": "GRUB and mender.conf name the slots by PARTUUID",
  "mender-partlabel": "fstab names partitions by label",
  "mender-persist-systemd-machine-id": "the machine ID of systemd is the same in both slots",
  "mender-prepopulate-inactive-partition": "slot B gets a copy of slot A",
};

/** Features of meta-mender that the layer does not have, and why. */
export const REFUSED_FEATURES: Readonly<Record<string, string>> = {
  "mender-image-ubi": "the layer makes no images for UBI",
  "mender-ubi": "the layer makes no images for UBI",
  "mender-bios": "GRUB works through UEFI only",
  "mender-image-bios": "GRUB works through UEFI only",
  "mender-systemd-boot": "the layer supports U-Boot and GRUB",
};
