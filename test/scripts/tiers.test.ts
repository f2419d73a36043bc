import { matchesGlob } from "node:path";
import { expect, test } from "vitest";
import { filesBelow } from "../../scripts/lib/files.ts";
import { filesOf, TIER_NAMES, tierOf } from "../../scripts/lib/tiers.ts";

for (const [path, tier] of [
  ["test/artifact/reader.test.ts", "unit"],
  ["test/artifact/reader.hostile.test.ts", "unit"],
  ["test/artifact/reader.interop.test.ts", "interop"],
  ["test/system/crash/real-process.test.ts", "crash"],
  ["test/adapters/bootloader/tool-env.tools.test.ts", "tools"],
  ["test/system/fuzz/tar.test.ts", "fuzz"],
  ["test/system/qemu/vexpress-a9-standalone.test.ts", "qemu"],
] as const) {
  test(`${path} belongs to the tier ${tier}`, () => {
    expect(tierOf(path)).toBe(tier);
  });
}

test("each test file runs in the tier it belongs to, and in no other", async () => {
  const files = await filesBelow("test", ".test.ts");
  expect(files.length).toBeGreaterThan(10);
  for (const file of files) {
    const running = TIER_NAMES.filter((tier) => {
      const { include, exclude } = filesOf(tier);
      const within = (globs: readonly string[]) => globs.some((glob) => matchesGlob(file, glob));
      return within(include) && !within(exclude);
    });
    expect(running, file).toEqual([tierOf(file)]);
  }
});
