import { spawnSync } from "node:child_process";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { expectReplaceable } from "../../../adapters/bootloader/replaceable.ts";
import { createToolEnv } from "../../../adapters/bootloader/tool-env.ts";
import { expectToolsCanWrite } from "../../../adapters/bootloader/tool-storage.ts";
import { fwEnvTools } from "../../../adapters/bootloader/uboot/fw-env-tools.ts";
import { expectRawWritable, openRawFile } from "../../../adapters/linux/raw-file.ts";
import { createChildProcess } from "../../../adapters/process/child-process.ts";
import { examineBoot } from "../../../src/core/doctor/boot.ts";
import { AgentError } from "../../../src/errors/agent-error.ts";
import type { BootEnv } from "../../../src/ports/boot-env.ts";
import { needs } from "../../support/needs.ts";

const signal = new AbortController().signal;

const folder = await mkdtemp(join(tmpdir(), "writable-"));
const outside = await mkdtemp(join(tmpdir(), "writable-"));
const mount = (...args: string[]): boolean => spawnSync("mount", [...args, folder]).status === 0;
const isMounted = mount("-t", "tmpfs", "-o", "size=64k", "tmpfs");
afterAll(async () => {
  if (isMounted) spawnSync("umount", [folder]);
  await rm(folder, { recursive: true });
  await rm(outside, { recursive: true });
});

needs("mount").test("a boot environment on a full or read-only mount is reported before a write", async () => {
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
  expect(mount("-o", "remount,rw")).toBe(true);
  await rm(join(folder, "filler"));
});

/** Tools for an environment in `files`, with `text` as fw_env.config. */
async function toolsFor(text: string) {
  const config = join(outside, "fw_env.config");
  await writeFile(config, text);
  return createToolEnv(createChildProcess(), fwEnvTools(config));
}

const lines = (...paths: readonly string[]): string => paths.map((path) => `${path} 0x0 0x4000\n`).join("");
const yaml = (name: string, ...paths: readonly string[]): string =>
  [
    `${name}:`,
    "  size : 0x4000",
    "  devices:",
    ...paths.map((path) => `    - path : ${path}\n      offset : 0x0`),
    "",
  ].join("\n");
const answerOf = (env: BootEnv): Promise<string> =>
  env.expectWritable?.(signal).then(
    () => "writable",
    ({ code }: AgentError) => code,
  ) ?? Promise.reject(new Error("it cannot tell"));

needs("mount").test(
  "storage that fw_setenv cannot write is reported before the call, and fw_setenv agrees",
  async () => {
    const copies = [join(folder, "copy1"), join(folder, "copy2")] as const;
    for (const path of copies) await writeFile(path, Buffer.alloc(0x4000));
    const text = lines(...copies);
    const env = await toolsFor(text);
    const script = join(outside, "script");
    await writeFile(script, "bootcount=0\n");
    const made = spawnSync("fw_setenv", ["-c", join(outside, "fw_env.config"), "-f", script, "-s", script]);
    expect(made.status).toBe(0);
    expect([await answerOf(env), await answerOf(await toolsFor(yaml("uboot", ...copies)))]).toEqual([
      "writable",
      "writable",
    ]);
    expect(mount("-o", "remount,ro")).toBe(true);
    try {
      expect(await answerOf(await toolsFor(yaml("uboot", ...copies)))).toBe("BOOTENV_WRITE");
      const several = yaml("uboot", copies[0]) + yaml("other", copies[1]);
      expect(await answerOf(await toolsFor(several)), "only the tool knows which of them it takes").toBe("writable");
      expect(await answerOf(await toolsFor(text))).toBe("BOOTENV_WRITE");
      await expect(env.write(new Map([["bootcount", "1"]]), signal)).rejects.toMatchObject({ code: "BOOTENV_WRITE" });
    } finally {
      expect(mount("-o", "remount,rw")).toBe(true);
    }
  },
);

needs("mount", "mknod").test(
  "devices that the kernel makes read-only are reported, and missing ones are left to the tool",
  async () => {
    const device = join(folder, "mtd0");
    expect(spawnSync("mknod", [device, "c", "1", "3"]).status).toBe(0);
    expect(await answerOf(await toolsFor(lines(device)))).toBe("writable");
    expect(mount("-o", "remount,nodev")).toBe(true);
    expect(await answerOf(await toolsFor(lines(device)))).toBe("BOOTENV_WRITE");
    expect(await answerOf(await toolsFor(lines("/nowhere/env")))).toBe("writable");
    expect(await answerOf(createToolEnv(createChildProcess(), fwEnvTools("/nowhere/fw_env.config")))).toBe("writable");
  },
);

test("UBI that has become read-only is reported under each name of its volumes", async () => {
  const sysfs = join(outside, "ubi");
  for (const [number, mode] of ["0\n", "1\n"].entries()) {
    await mkdir(join(sysfs, `ubi${number}`), { recursive: true });
    await writeFile(join(sysfs, `ubi${number}/ro_mode`), mode);
  }
  for (const path of ["/dev/ubi1_3", "/dev/ubi1:env", "ubi1:env"]) {
    await expect(expectToolsCanWrite([path], sysfs)).rejects.toMatchObject({ code: "BOOTENV_WRITE", detail: { path } });
  }
  await expectToolsCanWrite(["/dev/ubi0_3", "ubi0:env", "ubi2:env", "/dev/ubi10_3"], sysfs);
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
