import { expect, test } from "vitest";
import { partitionNumber, slotOfNumber, slotPartitions } from "../../../adapters/linux/partition-number.ts";

const NUMBERS: readonly (readonly [string, number | undefined])[] = [
  ["/dev/mmcblk0p2", 2],
  ["/dev/mmcblk0p10", 10],
  ["/dev/sda3", 3],
  ["/dev/ubi0_0", 0],
  ["ubi0_1", 1],
  ["/srv/board/slots/rootfs3", 3],
  ["/dev/root", undefined],
  ["", undefined],
];
for (const [path, number] of NUMBERS) {
  test(`"${path}" ends in ${number === undefined ? "no partition number" : `partition number ${number}`}`, () => {
    expect(partitionNumber(path)).toBe(number);
  });
}

test("two slots with the same number, or one without, are refused", () => {
  for (const [a, b] of [
    ["/dev/mmcblk0p2", "/dev/mmcblk1p2"],
    ["/dev/mmcblk0p2", "/dev/root"],
    ["", "/dev/sda3"],
  ] as const) {
    expect(() => slotPartitions(a, b)).toThrowError(expect.objectContaining({ code: "SLOT_CONFIG" }));
  }
  expect(slotPartitions("ubi0_0", "ubi0_1")).toEqual({ A: 0, B: 1 });
});

test("a number is compared as a whole", () => {
  const partitions = { A: 1, B: 11 };
  expect(["1", "11", "01", "111", "1 ", ""].map((text) => slotOfNumber(text, partitions))).toEqual([
    "A",
    "B",
    "A",
    undefined,
    undefined,
    undefined,
  ]);
});
