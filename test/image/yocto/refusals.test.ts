import { mkdtempSync, readdirSync, writeFileSync } from "node:fs";
import { rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { cli } from "../../support/test-board.ts";
import { put } from "../image-rig.ts";
import { type Build, YoctoBuild } from "./yocto-rig.ts";

const yocto = new YoctoBuild(mkdtempSync(join(tmpdir(), "switchback-yocto-")));
afterAll(() => rm(yocto.folder, { recursive: true }));
put(yocto.folder, {
  "odd.json": "[1]",
  "large.bin": "x".repeat(2 * 1024 * 1024),
  "rootfs.img": Buffer.alloc(17 * 1024 ** 2),
});

const both = "mender-uboot mender-grub";
const PARTUUID = "/dev/disk/by-partuuid";

/** A value that cannot work, and the variable and the words that the error must have. */
const REFUSED: Readonly<Record<string, readonly [build: Build, code: string, ...says: readonly string[]]>> = {
  "a medium that is too small": [
    { MENDER_STORAGE_TOTAL_SIZE_MB: "25" },
    "YOCTO_SPACE",
    ...["variable=MENDER_STORAGE_TOTAL_SIZE_MB, value=25, needed=26, missingMb=1"],
  ],
  "no number": [{ MENDER_DATA_PART_SIZE_MB: "128M" }, "YOCTO_VARIABLE", "MENDER_DATA_PART_SIZE_MB", "whole number"],
  "a negative number": [{ MENDER_SWAP_PART_SIZE_MB: "-1" }, "YOCTO_VARIABLE", "MENDER_SWAP_PART_SIZE_MB"],
  "no data partition": [{ MENDER_DATA_PART_SIZE_MB: "0" }, "YOCTO_VARIABLE", "MENDER_DATA_PART_SIZE_MB"],
  "an alignment in KiB": [
    { MENDER_PARTITION_ALIGNMENT: "1000" },
    "YOCTO_VARIABLE",
    "MENDER_PARTITION_ALIGNMENT",
    "4096",
  ],
  "two boot loaders": [{ MENDER_FEATURES_ENABLE: both }, "YOCTO_VARIABLE", "MENDER_FEATURES_ENABLE", "choose one"],
  "an unknown feature": [{ MENDER_FEATURES_ENABLE: "mender-ubot" }, "YOCTO_VARIABLE", "mender-ubot", "unknown feature"],
  "a feature for UBI": [{ MENDER_FEATURES_ENABLE: "mender-image-ubi" }, "YOCTO_VARIABLE", "UBI"],
  "an unknown boot loader": [{ SWITCHBACK_BOOTLOADER: "barebox" }, "YOCTO_VARIABLE", "SWITCHBACK_BOOTLOADER"],
  "an unknown partition table": [{ SWITCHBACK_DISK_LABEL: "mbr" }, "YOCTO_VARIABLE", "SWITCHBACK_DISK_LABEL"],
  "partitions for mtdparts": [{ MENDER_MTDPARTS: "nand:-(ubi)" }, "YOCTO_VARIABLE", "MENDER_MTDPARTS"],
  "an old name": [
    { MENDER_PARTITION_ALIGNMENT_KB: "1024" },
    "YOCTO_VARIABLE_RENAMED",
    "variable=MENDER_PARTITION_ALIGNMENT_KB, use=MENDER_PARTITION_ALIGNMENT",
  ],
  "copies of the environment that overlap": [
    { MENDER_UBOOT_ENV_STORAGE_DEVICE_OFFSET_2: "0x100100" },
    "YOCTO_VARIABLE",
    "MENDER_UBOOT_ENV_STORAGE_DEVICE_OFFSET_2",
  ],
  "an environment behind the reserved space": [
    { MENDER_UBOOT_ENV_STORAGE_DEVICE_OFFSET: "0x300000" },
    "YOCTO_VARIABLE",
    "MENDER_RESERVED_SPACE_BOOTLOADER_DATA",
  ],
  "no space for the environment": [{ BOOTENV_SIZE: "0" }, "YOCTO_VARIABLE", "BOOTENV_SIZE"],
  "a disk that U-Boot does not know": [
    { MENDER_STORAGE_DEVICE: "/dev/pmem0" },
    "YOCTO_VARIABLE_MISSING",
    "MENDER_UBOOT_STORAGE_INTERFACE",
  ],
  "a slot that is another partition": [
    { MENDER_ROOTFS_PART_A: "/dev/mmcblk0p3" },
    "YOCTO_VARIABLE",
    "rootfsA is partition 2",
  ],
  "another number of the data partition": [
    { MENDER_DATA_PART_NUMBER: "5" },
    "YOCTO_VARIABLE",
    "MENDER_DATA_PART_NUMBER",
  ],
  "a PARTUUID that a DOS disk cannot have": [
    { SWITCHBACK_BOOTLOADER: "grub", MENDER_ROOTFS_PART_A: `${PARTUUID}/5b5b5b5b-03` },
    "YOCTO_VARIABLE",
    "12345678-02",
  ],
  "PARTUUIDs of two disks": [
    {
      SWITCHBACK_BOOTLOADER: "grub",
      MENDER_ROOTFS_PART_A: `${PARTUUID}/5b5b5b5b-02`,
      MENDER_ROOTFS_PART_B: `${PARTUUID}/6b5b5b5b-03`,
    },
    "YOCTO_VARIABLE",
    "MENDER_ROOTFS_PART_B",
  ],
  "a further partition without a size": [
    { MENDER_EXTRA_PARTS: "one" },
    "YOCTO_VARIABLE",
    "MENDER_EXTRA_PARTS_SIZES_MB[one]",
  ],
  "a size of no partition": [
    { "MENDER_EXTRA_PARTS_SIZES_MB[oen]": "8" },
    "YOCTO_VARIABLE",
    "MENDER_EXTRA_PARTS_SIZES_MB[oen]",
  ],
  "an unknown option of a partition": [
    { MENDER_EXTRA_PARTS: "one", "MENDER_EXTRA_PARTS[one]": "--source rawcopy" },
    "YOCTO_VARIABLE",
    "variable=MENDER_EXTRA_PARTS[one], value=--source",
  ],
  "an unknown filesystem": [
    {
      MENDER_EXTRA_PARTS: "one",
      "MENDER_EXTRA_PARTS[one]": "--fstype=btrfs",
      "MENDER_EXTRA_PARTS_SIZES_MB[one]": "4",
    },
    "YOCTO_VARIABLE",
    "--fstype=btrfs",
  ],
  "two device types of one device": [{ MENDER_DEVICE_TYPE: "a b" }, "YOCTO_VARIABLE", "MENDER_DEVICE_TYPE"],
  "a missing verification key": [
    { MENDER_ARTIFACT_VERIFY_KEY: "/nowhere.pem" },
    "YOCTO_VARIABLE",
    "MENDER_ARTIFACT_VERIFY_KEY",
  ],
  "a fragment that is no object": [
    { SWITCHBACK_CONFIGURATION_FRAGMENTS: yocto.path("odd.json") },
    "YOCTO_VARIABLE",
    "SWITCHBACK_CONFIGURATION_FRAGMENTS",
  ],
};

for (const [title, [build, code, ...says]] of Object.entries(REFUSED)) {
  test(`${title}: the check stops the build, and names the variable`, async () => {
    const { exitCode, out, err } = await yocto.verb("check", build);
    expect([exitCode, out, err.length]).toEqual([1, [], 1]);
    expect(err[0]).toContain(`: ${code}: `);
    for (const text of says) expect(err[0]).toContain(text);
  });
}

test("a build without a device, and files of variables that cannot be read, are refused by name", async () => {
  const bare = join(yocto.folder, "bare.json");
  const check = async (text: string): Promise<string> => {
    writeFileSync(bare, text);
    return (await cli("switchback", ["yocto", "slot-size", "--variables", bare])).err.join("\n");
  };
  expect(await check("{}")).toMatch(/YOCTO_VARIABLE_MISSING: .*variable=MENDER_DEVICE_TYPE/);
  expect(await check('{"MACHINE": 1}')).toMatch(/YOCTO_VARIABLES_FILE: .*MACHINE is not a string/);
  expect(await check("[]")).toContain("YOCTO_VARIABLES_FILE");
  expect(await check("{")).toContain("YOCTO_VARIABLES_FILE");
});

/** What only shows with the files: the verb, its options, and the words of the error. */
const disk = ["--rootfs", yocto.path("data/app/settings"), "--output", yocto.path("out.img")];
for (const [title, build, kind, options, ...says] of [
  [
    "a root filesystem that is larger than a slot",
    {},
    "sdimg",
    ["--rootfs", yocto.path("rootfs.img")],
    "YOCTO_ROOTFS_SPACE",
    "variable=MENDER_STORAGE_TOTAL_SIZE_MB, value=56, needed=58, rootfsMb=17, slotMb=16, missingMb=1",
  ],
  [
    "a boot loader that reaches the environment",
    {},
    "sdimg",
    ["--bootloader", yocto.path("large.bin")],
    "variable=MENDER_UBOOT_ENV_STORAGE_DEVICE_OFFSET, value=1048576",
  ],
  [
    "a boot loader in the partition table",
    { SWITCHBACK_BOOTLOADER: "grub" },
    "gptimg",
    ["--bootloader", yocto.path("u-boot.bin")],
    "MENDER_IMAGE_BOOTLOADER_BOOTSECTOR_OFFSET",
  ],
  [
    "a boot loader that reaches a partition",
    { SWITCHBACK_BOOTLOADER: "grub" },
    "sdimg",
    ["--bootloader", yocto.path("large.bin")],
    "variable=MENDER_RESERVED_SPACE_BOOTLOADER_DATA",
  ],
  [
    "a data partition that is too small",
    { MENDER_DATA_PART_SIZE_MB: "1" },
    "sdimg",
    ["--data-content", yocto.folder],
    "variable=MENDER_DATA_PART_SIZE_MB",
  ],
  ["an environment that is too small", { BOOTENV_SIZE: "0x100" }, "sdimg", [], "variable=BOOTENV_SIZE"],
  ["a root filesystem that is missing", {}, "sdimg", ["--rootfs", "/nowhere"], "IMAGE_INPUT"],
  ["an output that cannot be written", {}, "sdimg", ["--output", "/nowhere/disk.img"], "OUTPUT_FAILED"],
] as const) {
  test(`${title}: there is no disk, and the error says what to change`, async () => {
    const { exitCode, err } = await yocto.verb("disk", build, "--kind", kind, ...disk, ...options);
    expect([exitCode, err.length]).toEqual([1, 1]);
    for (const text of says) expect(err[0]).toContain(text);
    expect(readdirSync(yocto.folder).filter((name) => name.startsWith("out") || name.startsWith("."))).toEqual([]);
  });
}

/** What a build should correct, and what it need not. */
for (const [title, build, ...warnings] of [
  ["nothing", { MENDER_UBOOT_AUTO_CONFIGURE: "0" }],
  [
    "a typo",
    { MENDER_STORAGE_EVICE: "/dev/sda", MENDER_UPDATE_POLL_INTERVAL_SECONDS_DEFAULT: "5", SWITCHBACK_SINGER: "" },
    "MENDER_STORAGE_EVICE is not a known variable. Did you mean MENDER_STORAGE_DEVICE?",
    "SWITCHBACK_SINGER is not a known variable. Did you mean SWITCHBACK_SIGNER?",
  ],
  [
    "a variable of somebody else",
    { MENDER_WEATHER_FORECAST: "rain" },
    "MENDER_WEATHER_FORECAST is not a known variable. Nothing reads it.",
  ],
  ["an override of an old release", { "MENDER_STORAGE_DEVICE_qemux86-64": "/dev/sda" }],
  ["a request to patch U-Boot", { MENDER_UBOOT_AUTO_CONFIGURE: "1" }, "MENDER_UBOOT_AUTO_CONFIGURE has no effect"],
  [
    "a data partition that cannot grow",
    {
      MENDER_FEATURES_ENABLE: "mender-growfs-data mender-uboot",
      MENDER_EXTRA_PARTS: "one",
      "MENDER_EXTRA_PARTS_SIZES_MB[one]": "1",
    },
    "MENDER_EXTRA_PARTS: the data partition cannot grow",
  ],
  [
    "no boot loader",
    { SWITCHBACK_BOOTLOADER: "none" },
    "SWITCHBACK_BOOTLOADER: without a boot loader that counts boots",
  ],
  [
    "two tables that number the data partition differently",
    { IMAGE_FSTYPES: "sdimg.bmap gptimg", MENDER_SWAP_PART_SIZE_MB: "1" },
    "IMAGE_FSTYPES: sdimg and gptimg number the data partition differently (6 and 5)",
  ],
  [
    "boot files without a partition",
    { MENDER_BOOT_PART_SIZE_MB: "0", IMAGE_BOOT_FILES: "u-boot.bin", SWITCHBACK_BOOTLOADER: "grub" },
    "IMAGE_BOOT_FILES: these files are left out",
    "MENDER_BOOT_PART_SIZE_MB: GRUB and its environment need a boot partition",
  ],
  ["no name", { MENDER_ARTIFACT_NAME: "" }, "MENDER_ARTIFACT_NAME: it is not set"],
  [
    "options of a partition that is not there",
    { "MENDER_EXTRA_PARTS_FSTAB[x]": "auto" },
    "MENDER_EXTRA_PARTS_FSTAB[x]: ",
  ],
] as const) {
  test(`the check warns of ${title}`, async () => {
    const large = { MENDER_STORAGE_TOTAL_SIZE_MB: "512" };
    const { out, err, exitCode } = await yocto.verb("check", { ...large, ...build });
    expect([exitCode, err]).toEqual([0, []]);
    const found = out.filter((line) => line.startsWith("WARNING: "));
    expect(found.length, out.join("\n")).toBe(warnings.length);
    for (const [index, warning] of warnings.entries()) expect(found.toSorted()[index]).toContain(`WARNING: ${warning}`);
  });
}
