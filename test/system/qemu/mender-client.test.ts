import { writeFileSync } from "node:fs";
import { expect, test } from "vitest";
import { useMenderClient } from "./mender-client.ts";
import { found, inFolder, uBootBoardFile, YOCTO_MS, YoctoBoard } from "./yocto-board.ts";

test(
  "what the harness tries holds for the Mender client of Debian on a board with U-Boot",
  () =>
    inFolder("mender", async (folder) => {
      const board = await YoctoBoard.make("vexpress-a9", folder, "sdimg", {
        MACHINE: "vexpress-qemu",
        MENDER_FEATURES_ENABLE: "mender-uboot mender-image-sd",
        MENDER_STORAGE_DEVICE: "/dev/mmcblk0",
        MENDER_STORAGE_TOTAL_SIZE_MB: "240",
        MENDER_DATA_PART_SIZE_MB: "64",
        MENDER_UBOOT_STORAGE_INTERFACE: "mmc",
        MENDER_UBOOT_STORAGE_DEVICE: "0",
        KERNEL_IMAGETYPE: "zImage",
        KERNEL_DEVICETREE: "arm/vexpress-v2p-ca9.dtb",
        SERIAL_CONSOLES: "38400;ttyAMA0",
      });
      await useMenderClient(board.path("base"), "armhf");
      const first = await board.rootfs("release-1");
      const disk = await board.disk("release-1", first, "--environment", "qemu/boards/u-boot-env.txt");
      const artifact = await board.artifact("release-2", await board.rootfs("release-2"));
      const boardFile = board.path("board.yaml");
      writeFileSync(boardFile, await uBootBoardFile());
      const outcomes = board.test(disk, boardFile, artifact, "--agent", "mender", "--cuts", "0");
      expect(found(outcomes)).toEqual([
        "start held: Slot A runs with 'release-1'.",
        "install held: The Artifact is in slot B.",
        "reboot held: Slot B runs on trial.",
        "fallback held: The boot loader returned to slot A with 'release-1'.",
        "rollback held: The agent returned to slot A with 'release-1'.",
        "broken-image held: Slot B held zeros, and the boot loader returned to slot A.",
        "download-cut held: The agent resumed the download and installed the Artifact.",
        "commit held: Slot B runs with 'release-2' after another reboot.",
      ]);
    }),
  YOCTO_MS,
);
