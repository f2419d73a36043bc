import { spawnSync } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { expectRawWritable, openRawFile } from "../../../adapters/bootloader/raw-file.ts";
import { expectReplaceable } from "../../../adapters/bootloader/replaceable.ts";
import { examineBoot } from "../../../src/core/doctor/boot.ts";
import { AgentError } from "../../../src/errors/agent-error.ts";
import { needs } from "../../support/needs.ts";

const signal = new AbortController().signal;

const folder = await mkdtemp(join(tmpdir(), "writable-"));
const mount = (...args: string[]): boolean => spawnSync("mount", [...args, folder]).status === 0;
const isMounted = mount("-t", "tmpfs", "-o", "size=64k", "tmpfs");
afterAll(async () => {
  if (isMounted) spawnSync("umount", [folder]);
  await rm(folder, { recursive: true });
});

needs("mount").test("a boot environment on a full or read-only mount is told before a write", async () => {
  expect(isMounted).toBe(true);
  const file = join(folder, "env");
  const look = async (): Promise<readonly string[]> =>
    await Promise.all(
      [expectReplaceable(file), expectRawWritable(openRawFile, [file])].map((asked) =>
        asked.then(
          () => "writable",
          ({ code }: AgentError) => code,
        ),
      ),
    );
  await writeFile(file, "a=1\n");
  expect(await look()).toEqual(["writable", "writable"]);
  await expect(writeFile(join(folder, "filler"), Buffer.alloc(1024 * 1024))).rejects.toThrow("ENOSPC");
  expect(await look(), "what is written in place needs no space").toEqual(["BOOTENV_WRITE", "writable"]);
  expect(mount("-o", "remount,ro")).toBe(true);
  expect(await look()).toEqual(["BOOTENV_WRITE", "BOOTENV_WRITE"]);
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
