import { existsSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { writeBootable, writeGrub } from "../../../scripts/yocto/bootable.ts";
import { found, inFolder, uBootBoardFile, YOCTO_MS, YoctoBoard } from "./yocto-board.ts";

/** What a boot loader must be able to do with the texts of the layer. */
const SCENARIOS = "start,install,reboot,fallback,commit";
const ALL_HELD = [
  "start held: Slot A runs with 'release-1'.",
  "install held: The Artifact is in slot B.",
  "reboot held: Slot B runs on trial.",
  "fallback held: The boot loader returned to slot A with 'release-1'.",
  "commit held: Slot B runs with 'release-2' after another reboot.",
];

test(
  "a gptimg for GRUB boots, is updated, and returns from releases that do not start",
  () =>
    inFolder("grub", async (folder) => {
      const board = await YoctoBoard.make("x86-64-grub", folder, "gptimg", {
        MACHINE: "qemux86-64",
        MENDER_FEATURES_ENABLE: "mender-grub mender-image-gpt",
        MENDER_STORAGE_DEVICE: "/dev/nvme0n1",
        MENDER_STORAGE_TOTAL_SIZE_MB: "480",
        MENDER_BOOT_PART_SIZE_MB: "32",
        MENDER_DATA_PART_SIZE_MB: "64",
        KERNEL_IMAGETYPE: "bzImage",
        SERIAL_CONSOLES: "115200;ttyS0 115200;ttyS1",
      });
      await writeGrub(board.path("boot"));
      const first = await board.rootfs("release-1");
      const disk = await board.disk("release-1", first, "--boot-files", board.path("boot"));
      const artifact = await board.artifact("release-2", await board.rootfs("release-2"));
      // The board file of the layer is the one that the harness reads.
      const boardFile = board.path("board.yaml");
      writeFileSync(boardFile, await board.verb("board", "release-1", "--kind", "gptimg"));
      expect(found(board.test(disk, boardFile, artifact, "--scenarios", SCENARIOS))).toEqual(ALL_HELD);

      // The kernel starts, and must not wait for anybody when it panics.
      const withoutInit = await board.rootfs("release-3", (tree) => rmSync(join(tree, "usr/sbin/init")));
      const panics = await board.artifact("release-3", withoutInit);
      expect(found(board.test(disk, boardFile, panics, "--scenarios", "reboot")).at(-1)).toBe(
        "reboot failed: The new system in slot B did not start, and the boot loader returned to slot A.",
      );
    }),
  YOCTO_MS,
);

test(
  "an sdimg for U-Boot boots and is updated, with an environment that only the disk has",
  () =>
    inFolder("u-boot", async (folder) => {
      const board = await YoctoBoard.make("vexpress-a9", folder, "sdimg", {
        MACHINE: "vexpress-qemu",
        MENDER_FEATURES_ENABLE: "mender-uboot mender-image-sd",
        MENDER_STORAGE_DEVICE: "/dev/mmcblk0",
        // No more than the system needs: an emulated SD card is slow.
        MENDER_STORAGE_TOTAL_SIZE_MB: "344",
        MENDER_DATA_PART_SIZE_MB: "64",
        MENDER_UBOOT_STORAGE_INTERFACE: "mmc",
        MENDER_UBOOT_STORAGE_DEVICE: "0",
        KERNEL_IMAGETYPE: "zImage",
        // U-Boot's own environment names another file.
        KERNEL_DEVICETREE: "arm/vexpress-v2p-ca9.dtb",
        SERIAL_CONSOLES: "38400;ttyAMA0",
      });
      const first = await board.rootfs("release-1");
      const disk = await board.disk("release-1", first, "--environment", "qemu/boards/u-boot-env.txt");
      const artifact = await board.artifact("release-2", await board.rootfs("release-2"));
      const boardFile = board.path("board.yaml");
      writeFileSync(boardFile, await uBootBoardFile());
      expect(found(board.test(disk, boardFile, artifact, "--scenarios", SCENARIOS))).toEqual(ALL_HELD);
    }),
  YOCTO_MS,
);

test(
  "what the stubs of BitBake install starts, and leaves the agent to its package",
  () =>
    inFolder("bootable", async (folder) => {
      await writeBootable(folder);
      const has = (name: string): boolean => existsSync(join(folder, name));
      expect(
        ["boot/EFI/BOOT/bootx64.efi", "root/boot/bzImage", "root/boot/initrd", "root/usr/bin/node"].filter(has),
      ).toEqual(["boot/EFI/BOOT/bootx64.efi", "root/boot/bzImage", "root/boot/initrd", "root/usr/bin/node"]);
      expect(["usr/lib/switchback", "usr/bin/switchback", "etc/mender"].filter((name) => has(`root/${name}`))).toEqual(
        [],
      );
      await writeBootable(folder);
    }),
  YOCTO_MS,
);
