import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { artifact } from "./run-artifact.ts";

const dir = mkdtempSync(join(tmpdir(), "switchback-zstd-"));
afterAll(() => rmSync(dir, { recursive: true }));

test("a zstd Artifact is written, read back and found valid", async () => {
  const [image, output] = [join(dir, "image"), join(dir, "a.mender")];
  writeFileSync(image, Buffer.alloc(2_500_000, "content "));
  const write = ["write", "rootfs-image", "-t", "board-a", "-n", "release-1", "-f", image, "-o", output];
  expect((await artifact(...write, "--compression", "zstd")).exitCode).toBe(0);
  expect((await artifact("validate", output)).outLines).toEqual([`Artifact file '${output}' validated successfully`]);
});
