import { expect, test } from "vitest";
import { partitionsOf } from "../../../image/yocto/partitions.ts";
import { variablesOf } from "../../../image/yocto/read-variables.ts";
import { settingsOf } from "../../../image/yocto/settings.ts";
import { slotBytes } from "../../../image/yocto/slot-size.ts";

const MIB = 1024 * 1024;
const settings = (more: Readonly<Record<string, string>>) => settingsOf(variablesOf({ MACHINE: "board", ...more }));
const MB = (name: string, value: number) => ({ [`MENDER_${name}_MB`]: String(value) });
const total = (mb: number) => MB("STORAGE_TOTAL_SIZE", mb);
const EXTRAS = {
  MENDER_EXTRA_PARTS: "one two",
  "MENDER_EXTRA_PARTS_SIZES_MB[one]": "10",
  "MENDER_EXTRA_PARTS_SIZES_MB[two]": "16",
};

/** The slot in MiB, worked out by hand. */
for (const [title, more, slot] of [
  ["the defaults with U-Boot", {}, 424],
  ["the defaults with GRUB", { SWITCHBACK_BOOTLOADER: "grub" }, 432],
  ["a small medium", { ...total(256), ...MB("DATA_PART_SIZE", 32) }, 88],
  ["an odd size of the medium", { ...total(1021) }, 416],
  ["no boot partition", MB("BOOT_PART_SIZE", 0), 432],
  ["sizes between two multiples of the alignment", { ...MB("BOOT_PART_SIZE", 17), ...MB("DATA_PART_SIZE", 121) }, 416],
  ["an alignment of 1 MiB", { MENDER_PARTITION_ALIGNMENT: String(MIB) }, 438],
  ["an alignment from the erase block", { MENDER_STORAGE_PEB_SIZE: "0x400000" }, 432],
  ["more reserved space", { MENDER_RESERVED_SPACE_BOOTLOADER_DATA: String(25 * MIB) }, 416],
  ["swap on a GPT", { ...MB("SWAP_PART_SIZE", 64), IMAGE_FSTYPES: "gptimg.bmap" }, 392],
  // One more boot record than the space at the end of the disk holds.
  ["swap on a DOS disk", { ...MB("SWAP_PART_SIZE", 64), IMAGE_FSTYPES: "sdimg gptimg" }, 384],
  ["further partitions on a GPT", { ...EXTRAS, SWITCHBACK_DISK_LABEL: "gpt" }, 408],
  ["further partitions on a DOS disk", EXTRAS, 400],
] as const) {
  test(`with ${title}, a slot has ${slot} MiB`, () => {
    const found = settings(more);
    expect(slotBytes(found) / MIB).toBe(slot);
    const parts = partitionsOf(found);
    expect(parts.map(({ bytes }) => bytes % found.alignment)).toEqual(parts.map(() => 0));
  });
}

test("a medium without room for two slots is refused with the size that it needs", () => {
  const refused = () => slotBytes(settings({ ...total(191), ...MB("DATA_PART_SIZE", 128) }));
  expect(refused).toThrow(
    expect.objectContaining({
      code: "YOCTO_SPACE",
      detail: expect.objectContaining({
        variable: "MENDER_STORAGE_TOTAL_SIZE_MB",
        value: 191,
        needed: 192,
        missingMb: 1,
      }),
    }),
  );
  expect(slotBytes(settings({ ...total(192), ...MB("DATA_PART_SIZE", 128) })) / MIB).toBe(8);
});

test("partitions have the numbers and devices of the kernel, also in an extended partition and on other disks", () => {
  const shown = (more: Readonly<Record<string, string>>): readonly string[] =>
    partitionsOf(settings(more)).map(({ role, device }) => `${role} ${device}`);
  expect(shown({})).toEqual([
    "boot /dev/mmcblk0p1",
    "rootfsA /dev/mmcblk0p2",
    "rootfsB /dev/mmcblk0p3",
    "data /dev/mmcblk0p4",
  ]);
  expect(shown({ MENDER_STORAGE_DEVICE: "/dev/sda", MENDER_BOOT_PART_SIZE_MB: "0" })).toEqual([
    "rootfsA /dev/sda1",
    "rootfsB /dev/sda2",
    "data /dev/sda3",
  ]);
  const swap = { MENDER_STORAGE_DEVICE: "/dev/nvme0n1", MENDER_SWAP_PART_SIZE_MB: "8" };
  expect(shown(swap).slice(2)).toEqual(["rootfsB /dev/nvme0n1p3", "swap /dev/nvme0n1p5", "data /dev/nvme0n1p6"]);
  expect(shown({ ...swap, IMAGE_FSTYPES: "gptimg" }).slice(3)).toEqual(["swap /dev/nvme0n1p4", "data /dev/nvme0n1p5"]);
  expect(shown({ MENDER_STORAGE_DEVICE_BASE: "/dev/disk-part", ...EXTRAS }).slice(3)).toEqual([
    "data /dev/disk-part5",
    "extra /dev/disk-part6",
    "extra /dev/disk-part7",
  ]);
});
