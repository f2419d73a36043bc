import { spawnSync } from "node:child_process";
import { expect, test } from "vitest";
import { variablesOf } from "../../image/yocto/read-variables.ts";
import { settingsOf } from "../../image/yocto/settings.ts";
import { slotBytes } from "../../image/yocto/slot-size.ts";

type Variables = Readonly<Record<string, string>>;

/** BitBake needs the size of a slot while it parses, when no program of the layer exists yet. */
const PROGRAM = `import json, sys
sys.path.insert(0, "yocto-layer/lib/switchback")
import slots
def flags(variables):
    return lambda name: {key[len(name) + 1:-1]: text for key, text in variables.items() if key.startswith(name + "[")}
print(json.dumps([slots.slot_kib(each.get, flags(each)) for each in json.load(sys.stdin)]))
`;

const X86 = { MACHINE: "qemux86-64", TARGET_ARCH: "x86_64" };
const ARM = { MACHINE: "board", TARGET_ARCH: "arm" };
const SD = { ...ARM, IMAGE_FSTYPES: "ext4 mender sdimg" };

const CASES: readonly Variables[] = [
  X86,
  ARM,
  { ...X86, IMAGE_FSTYPES: "gptimg.gz" },
  { ...X86, IMAGE_FSTYPES: "sdimg gptimg", MENDER_SWAP_PART_SIZE_MB: "64" },
  { ...X86, IMAGE_FSTYPES: "gptimg", MENDER_SWAP_PART_SIZE_MB: "64" },
  { ...SD, MENDER_STORAGE_TOTAL_SIZE_MB: "512", MENDER_DATA_PART_SIZE_MB: "65" },
  { ...SD, MENDER_BOOT_PART_SIZE_MB: "0" },
  { ...SD, MENDER_BOOT_PART_SIZE_MB: "0", MENDER_SWAP_PART_SIZE_MB: "1" },
  { ...SD, MENDER_PARTITION_ALIGNMENT: "4194304" },
  { ...SD, MENDER_PARTITION_ALIGNMENT: "0x400000", MENDER_STORAGE_TOTAL_SIZE_MB: "3600" },
  { ...SD, MENDER_STORAGE_PEB_SIZE: "4194304" },
  { ...SD, MENDER_RESERVED_SPACE_BOOTLOADER_DATA: "1" },
  { ...SD, SWITCHBACK_BOOTLOADER: "none" },
  { ...SD, SWITCHBACK_BOOTLOADER: "grub" },
  { ...SD, SWITCHBACK_DISK_LABEL: "gpt", MENDER_SWAP_PART_SIZE_MB: "64" },
  { ...SD, MENDER_FEATURES_ENABLE: "mender-grub mender-uboot", MENDER_FEATURES_DISABLE: "mender-uboot" },
  { ...X86, MENDER_FEATURES_ENABLE: "mender-uboot mender-image-sd" },
  {
    ...SD,
    MENDER_EXTRA_PARTS: "one two",
    "MENDER_EXTRA_PARTS[one]": "--fstype=ext4",
    "MENDER_EXTRA_PARTS[two]": "--fstype=ext4",
    "MENDER_EXTRA_PARTS_SIZES_MB[one]": "9",
    "MENDER_EXTRA_PARTS_SIZES_MB[two]": "16",
  },
];

test("the layer computes the size of a slot as `switchback yocto slot-size` does", () => {
  const { status, stdout, stderr } = spawnSync("python3", ["-c", PROGRAM], {
    encoding: "utf8",
    input: JSON.stringify(CASES),
  });
  expect([status, stderr]).toEqual([0, ""]);
  const ours = CASES.map((each) => slotBytes(settingsOf(variablesOf(each))) / 1024);
  expect(JSON.parse(stdout)).toEqual(ours);
  expect(new Set(ours).size).toBeGreaterThan(5);
});
