import { rmSync, writeFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { join, resolve } from "node:path";
import { expect, test } from "vitest";
import { loadBoard } from "../../../qemu/image/board.ts";
import { buildUBoot } from "../../../qemu/image/u-boot.ts";
import { writeGrub } from "../../../scripts/yocto/bootable.ts";
import { roomyFolder } from "./test-board.ts";
import { YoctoBoard } from "./yocto-board.ts";

const TEST_MS = 1_800_000;

/** What a boot loader must be able to do with the texts of the layer. */
const SCENARIOS = "start,install,reboot,fallback,broken-image,commit";
const ALL_HELD = [
  "start held: Slot A runs with 'release-1'.",
  "install held: The Artifact is in slot B.",
  "reboot held: Slot B runs on trial.",
  "fallback held: The boot loader returned to slot A with 'release-1'.",
  "broken-image held: Slot B held zeros, and the boot loader returned to slot A.",
  "commit held: Slot B runs with 'release-2' after another reboot.",
];

const inFolder = async (name: string, work: (folder: string) => Promise<void>): Promise<void> => {
  const folder = await mkdtemp(join(await roomyFolder(), `switchback-yocto-${name}-`));
  try {
    await work(folder);
  } finally {
    await rm(folder, { recursive: true });
  }
};

/** What the scenarios found, without what the inspection of the image did. */
const found = (outcomes: ReturnType<YoctoBoard["test"]>): readonly string[] => {
  const wrong = outcomes.filter(({ name, result }) => /^(?:image|artifact)/.test(name) && result !== "held");
  expect(wrong).toEqual([]);
  return outcomes
    .filter(({ name }) => !/^(?:image|artifact)/.test(name))
    .map(({ name, result, found: text }) => `${name} ${result}: ${text}`);
};

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
      expect(found(board.test(disk, boardFile, artifact, SCENARIOS))).toEqual(ALL_HELD);

      // The kernel starts, and must not wait for anybody when it panics.
      const withoutInit = await board.rootfs("release-3", (tree) => rmSync(join(tree, "usr/sbin/init")));
      const panics = await board.artifact("release-3", withoutInit);
      expect(found(board.test(disk, boardFile, panics, "reboot")).at(-1)).toBe(
        "reboot failed: The new system in slot B did not start, and the boot loader returned to slot A.",
      );
    }),
  TEST_MS,
);

test(
  "an sdimg for U-Boot boots and is updated, with an environment that only the disk has",
  () =>
    inFolder("u-boot", async (folder) => {
      const board = await YoctoBoard.make("vexpress-a9", folder, "sdimg", {
        MACHINE: "vexpress-qemu",
        MENDER_FEATURES_ENABLE: "mender-uboot mender-image-sd",
        MENDER_STORAGE_DEVICE: "/dev/mmcblk0",
        MENDER_STORAGE_TOTAL_SIZE_MB: "384",
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
      const { uBoot } = await loadBoard("vexpress-a9");
      if (uBoot === undefined) throw new Error("the board has no U-Boot");
      const machine = { arguments: ["-M", "vexpress-a9"], memoryMiB: 512, network: "virtio-net-device" };
      const kernel = resolve(await buildUBoot(uBoot), "u-boot");
      const qemu = { architecture: "armhf", machine: { ...machine, kernel } };
      const boardFile = board.path("board.yaml");
      writeFileSync(boardFile, JSON.stringify({ name: "vexpress", disk: { device: "/dev/mmcblk0" }, qemu }));
      expect(found(board.test(disk, boardFile, artifact, SCENARIOS))).toEqual(ALL_HELD);
    }),
  TEST_MS,
);
