import { readFile } from "node:fs/promises";
import { expect, test } from "vitest";
import { packagesFor, parsePackages } from "../../scripts/lib/debian.ts";

test("the list names packages with the tiers that need them, and comments are no packages", () => {
  expect([...parsePackages("# zstd unit\n\nxz-utils  tools interop # for xz\n")]).toEqual([
    ["xz-utils", ["tools", "interop"]],
  ]);
});

test("a line without a tier, or with an unknown one, is refused", () => {
  expect(() => parsePackages("zstd\n")).toThrow('unknown tier in "zstd"');
  expect(() => parsePackages("zstd tools intreop\n")).toThrow("unknown tier");
});

test("a package is needed where one of its tiers runs, and not installed for tiers that do without", () => {
  const packages = parsePackages("zstd tools interop\nqemu-system-arm qemu\nxz-utils tools qemu\n");
  expect(packagesFor(packages, ["tools"], new Set()).needed).toEqual(["zstd", "xz-utils"]);
  expect(packagesFor(packages, ["qemu", "interop"], new Set(["qemu"]))).toEqual({
    needed: ["zstd", "qemu-system-arm", "xz-utils"],
    brought: ["zstd"],
  });
  expect(packagesFor(packages, ["qemu"], new Set()).brought).toEqual(["qemu-system-arm", "xz-utils"]);
});

test("the unit tier needs no package, so that it runs on any machine", async () => {
  const packages = parsePackages(await readFile("test/debian-packages.txt", "utf8"));
  expect(packages.size).toBeGreaterThan(5);
  expect([...packages].filter(([, tiers]) => tiers.includes("unit"))).toEqual([]);
});
