import { expect, test } from "vitest";
import { parseSystemFacts } from "../../qemu/harness/running-slot.ts";

const BOOT_ID = "7317b914-566b-4bf9-a6e6-8edec6e432fe";
const UEVENTS = "/sys/dev/block/259:2/uevent:PARTN=2\n/sys/dev/block/259:3/uevent:PARTN=3\n";
const facts = (commandLine: string, ...mounts: readonly string[]): string =>
  `${[BOOT_ID, commandLine, ...mounts].join("\n")}\n${UEVENTS}`;

test.each([
  ["the device that is mounted on /", facts("root=/dev/nvme0n1p2", "22 1 259:3 / / ro - ext4 /dev/root ro"), 3],
  ["the last of two mounts on /", facts("", "1 1 0:2 / / rw - rootfs none rw", "22 1 259:2 / / ro - ext4 x ro"), 2],
  ["a mount below / is none", facts("root=/dev/sda4", "30 22 259:3 / /data rw - ext4 x rw"), 4],
  [
    "with an overlay, the kernel's command line",
    facts("quiet root=/dev/mmcblk0p3 ro", "22 1 0:31 / / rw - overlay o rw"),
    3,
  ],
  [
    "with an overlay and no name in the command line, nothing",
    facts("root=LABEL=a", "22 1 0:31 / / rw - overlay o rw"),
    undefined,
  ],
])("the running slot: %s", (_, text, rootPartition) => {
  expect(parseSystemFacts(text)).toEqual({ bootId: BOOT_ID, rootPartition });
});

test("an answer that broke off shows no system", () => {
  expect(parseSystemFacts("")).toEqual({ bootId: "", rootPartition: undefined });
});
