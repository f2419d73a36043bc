import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { expectRawWritable, type OpenRawFile, openRawFile } from "../../../adapters/bootloader/raw-file.ts";
import { expectReplaceable } from "../../../adapters/bootloader/replaceable.ts";
import { examineBoot } from "../../../src/core/doctor/boot.ts";
import { AgentError } from "../../../src/errors/agent-error.ts";

const signal = new AbortController().signal;

test("a file that the kernel lets nobody replace is told before a write, and nothing is left behind", async () => {
  const folder = await mkdtemp(join(tmpdir(), "writable-"));
  try {
    const file = join(folder, "env");
    await writeFile(file, "a=1\n");
    await expectReplaceable(file);
    await expectRawWritable(openRawFile, [file]);
    // Below /proc even root cannot write, as on a mount that is read-only.
    for (const path of ["/proc/sys/env", "/proc/version"]) {
      await expect(expectReplaceable(path)).rejects.toMatchObject({ code: "BOOTENV_WRITE", detail: { path } });
    }
    const readOnly: OpenRawFile = async (path, access) => {
      if (access === "write") throw Object.assign(new Error("EROFS"), { code: "EROFS" });
      return await openRawFile(path, access);
    };
    await expect(expectRawWritable(readOnly, [file])).rejects.toMatchObject({ code: "BOOTENV_WRITE" });
  } finally {
    await rm(folder, { recursive: true });
  }
});

test("the doctor names a boot environment that cannot be written", async () => {
  const boot = {
    kind: "memory",
    booted: async () => "A" as const,
    plan: async () => ({ slot: "A" as const, trial: false }),
    arm: async () => undefined,
    confirm: async () => undefined,
    revert: async () => undefined,
    expectWritable: async () => {
      throw new AgentError("BOOTENV_WRITE", { path: "/boot/env" });
    },
  };
  expect(await examineBoot(boot, signal)).toMatchObject([
    { level: "bad", subject: "storage of the boot environment", found: expect.stringContaining("/boot/env") },
    { level: "good" },
  ]);
});
