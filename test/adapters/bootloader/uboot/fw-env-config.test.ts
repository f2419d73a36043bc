import { expect, test } from "vitest";
import { parseFwEnvConfig } from "../../../../adapters/bootloader/uboot/fw-env-config.ts";

const parse = (text: string) => parseFwEnvConfig(text, "/etc/fw_env.config");

test("two lines are a redundant environment, as Mender's integration writes them", () => {
  expect(parse("/dev/mmcblk0 0x800000 0x20000\n/dev/mmcblk0 0x1000000 0x20000\n")).toEqual({
    copies: [
      { device: "/dev/mmcblk0", offset: 0x800000, sizeBytes: 0x20000 },
      { device: "/dev/mmcblk0", offset: 0x1000000, sizeBytes: 0x20000 },
    ],
    sizeBytes: 0x20000,
  });
});

test("comments, blank lines and what only flash needs are passed over, and a third line as well", () => {
  const text =
    "# MTD device\tsize\n\n/dev/mtd1 0 4000 0x4000 2\n\n/dev/mtd2\t0x0   0x4000\t0x4000\n/dev/mtd3 0 0x4000\n";
  expect(parse(text).copies.map(({ device }) => device)).toEqual(["/dev/mtd1", "/dev/mtd2"]);
});

for (const [text, offset] of [
  ["0", 0],
  ["0x0", 0],
  ["0X1F000", 0x1f000],
  ["512", 512],
  ["+512", 512],
  ["0777", 0o777],
  ["-0x20000", -0x20000],
  ["-512", -512],
  ["-0", 0],
] as const) {
  test(`the offset ${text} is ${offset}`, () => {
    expect(parse(`/dev/mmcblk0 ${text} 4000`)).toEqual({
      copies: [{ device: "/dev/mmcblk0", offset, sizeBytes: 0x4000 }],
      sizeBytes: 0x4000,
    });
  });
}

for (const [what, text, detail] of [
  ["is empty", "", { reason: "no line names a device" }],
  ["holds comments alone", "# nothing\n", { reason: "no line names a device" }],
  ["has a line without an offset", "# one\n/dev/a\n", { line: 2, reason: "the offset is not a number" }],
  ["has an offset of another kind", "/dev/a 08 4000", { line: 1, reason: "the offset is not a number" }],
  ["has no size", "/dev/a 0x0", { line: 1, reason: "the size is not a hexadecimal number of bytes" }],
  ["has a size of nothing", "/dev/a 0 0", { line: 1, reason: "the size is not a hexadecimal number of bytes" }],
  ["has a negative size", "/dev/a 0 -4000", { line: 1, reason: "the size is not a hexadecimal number of bytes" }],
  ["is of the newer YAML form", "uboot:\n  size : 0x4000\n", { line: 1, reason: "the offset is not a number" }],
  ["gives two sizes", "/dev/a 0 4000\n/dev/a 4000 2000", { reason: "the two copies differ in size" }],
  ["lets the copies overlap", "/dev/a 0 4000\n/dev/a 0x2000 4000", { reason: "the two copies overlap" }],
  ["names one place twice", "/dev/a 0 4000\n/dev/a 0 4000", { reason: "the two copies overlap" }],
] as const) {
  test(`a configuration that ${what} is refused, with the line and the reason`, () => {
    expect(() => parse(text)).toThrow(
      expect.objectContaining({ code: "BOOTENV_CONFIG", detail: { file: "/etc/fw_env.config", ...detail } }),
    );
  });
}
