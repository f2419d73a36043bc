import type { Remedies } from "./section.ts";

export const IMAGE_FILES = {
  IMAGE_UNREADABLE:
    "Check that the path exists, is a regular file, and that the user may read it, or write it to change the image.",
  IMAGE_FILE_SYSTEM:
    "`found` names the file system. squashfs and UBIFS cannot be changed: build the image again with the file in it.",
  IMAGE_ARGUMENT:
    "Write the name of the image, a colon and the path: `release-2.mender:/etc/hostname`. The name must end with " +
    "`.mender`, `.img`, `.sdimg`, `.gptimg`, `.uefiimg`, `.wic`, `.ext2`, `.ext3`, `.ext4`, `.fat` or `.vfat`.",
  IMAGE_PATH:
    "`reason` says what is wrong. Rename the file. The tools read commands line by line, and FAT has no names with " +
    '`"`, `*`, `:`, `<`, `>`, `?`, `|` or `\\`.',
  IMAGE_FILE_MISSING:
    "Check the path with `switchback artifact ls IMAGE:/`. Make missing folders with `switchback artifact install -d`.",
  IMAGE_FILE_KIND:
    "`expected` says what the command needs, and `found` what is there. To remove a folder with its content, use " +
    "`switchback artifact rm -r`.",
  IMAGE_PARTITION:
    "An Artifact holds only the root file system: no files below `/data`, `/uboot`, `/boot/efi`, `/boot/grub` and " +
    "`/boot/firmware`. In an image of a disk, the partitions must be the boot partition, two root file systems and the " +
    "data partition, in this order.",
  IMAGE_FULL:
    "Remove files from the image, or build the image with more room. Switchback has left the image as it was.",
  IMAGE_DAMAGED:
    "`e2fsck` has the words of the program. Repair a copy of the image with `e2fsck -f IMAGE`, or build it again.",
  IMAGE_TOOL_MISSING: "Install the package that `package` names on the machine that runs the command.",
  IMAGE_TOOL_FAILED:
    "`stderr` has the words of the program. Check the image with `e2fsck -fn IMAGE` or `fsck.vfat -n`.",
} satisfies Remedies;
