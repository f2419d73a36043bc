import { mkdirSync, writeFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { grubEnvFolder } from "../../../adapters/bootloader/grub/env-folder.ts";
import { composeGrubEnv, composeUbootEnv } from "../../../src/agent/device/boot-env.ts";
import type { BootloaderParts } from "../../../src/agent/device/bootloader-parts.ts";
import { thisHost } from "../../../src/agent/host.ts";
import { loadConfig } from "../../../src/config/config.ts";
import { GrubBoard } from "../../adapters/bootloader/grub/grub-board.ts";
import { needs } from "../../support/needs.ts";

const { signal } = new AbortController();
const usualPath = process.env["PATH"];

let folder = "";
let started: string[];
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "switchback-compose-"));
  started = [];
});
afterEach(async () => {
  process.env["PATH"] = usualPath;
  await rm(folder, { recursive: true });
});

/** A board whose tools answer that `bootcount` is 5. */
async function parts(own: Readonly<Record<string, unknown>>): Promise<BootloaderParts> {
  const main = join(folder, "mender.conf");
  writeFileSync(main, JSON.stringify({ Switchback: own }));
  const files = { main, fallback: join(folder, "none"), mainRequired: true, fallbackRequired: false };
  const log = () => undefined;
  const host = {
    ...thisHost,
    process: () => ({
      run: async ([program]: readonly [string, ...string[]]) => {
        started.push(program);
        return { exitCode: 0, stdout: "bootcount=5\n", stderr: "" };
      },
    }),
  };
  return { config: await loadConfig(files, log), host, log };
}

function fwEnvConfig(lines: string): string {
  const file = join(folder, "fw_env.config");
  writeFileSync(file, lines);
  return file;
}

for (const [title, BootEnv, lines] of [
  ["on MTD goes through the tools", "auto", "/dev/mtd1 0x0 0x4000\n"],
  ["without a configuration goes through the tools", "auto", ""],
  ["in a file goes through the tools where they are asked for", "tools", "/nowhere/env 0x0 0x4000\n"],
] as const) {
  test(`U-Boot's environment ${title}`, async () => {
    const env = await composeUbootEnv(await parts({ BootEnv, FwEnvConfig: fwEnvConfig(lines) }));
    expect(Object.fromEntries(await env.read(["bootcount"], signal))).toEqual({ bootcount: "5" });
    expect(started).toEqual(["fw_printenv"]);
  });
}

needs("bootLocks", "runLocks").test(
  "U-Boot's environment in a file is accessed in process, by default and when that is asked for",
  async () => {
    for (const BootEnv of ["auto", "native"]) {
      const config = fwEnvConfig(`${folder}/absent 0x0 0x4000\n`);
      const env = await composeUbootEnv(await parts({ BootEnv, FwEnvConfig: config }));
      const error = { code: "BOOTENV_READ", detail: { path: `${folder}/absent` } };
      await expect(env.read(["bootcount"], signal)).rejects.toMatchObject(error);
    }
    expect(started).toEqual([]);
  },
);

test("U-Boot's environment on MTD cannot be accessed in process, and the error says so if that is configured", async () => {
  const own = { BootEnv: "native", FwEnvConfig: fwEnvConfig("/dev/mtd1 0x0 0x4000\n") };
  await expect(composeUbootEnv(await parts(own))).rejects.toMatchObject({ code: "BOOTENV_CONFIG" });
});

/** The boot partition of the board under test, and no configuration. */
const find = () => grubEnvFolder(join(folder, "none"), folder);

function installTool(): void {
  writeFileSync(join(folder, "grub-mender-grubenv-set"), "");
  process.env["PATH"] = `${folder}:${usualPath}`;
}

needs("bootLocks").test(
  "GRUB's environment that is mounted is accessed in process, and through the tools where they are asked for",
  async () => {
    installTool();
    mkdirSync(join(folder, "boot/grub"), { recursive: true });
    new GrubBoard(join(folder, "boot/grub"), { A: 2, B: 3 }).install();
    for (const [BootEnv, bootcount, tools] of [
      ["auto", "0", []],
      ["native", "0", []],
      ["tools", "5", ["grub-mender-grubenv-print"]],
    ] as const) {
      const env = await composeGrubEnv(await parts({ Bootloader: "grub", BootEnv }), find);
      expect((await env.read(["bootcount"], signal)).get("bootcount")).toBe(bootcount);
      expect(started).toEqual(tools);
    }
  },
);

test("GRUB's environment that is not mounted is left to the tools where they are installed, or is an error", async () => {
  const error = {
    code: "BOOTENV_CONFIG",
    detail: { reason: expect.stringContaining("is the boot partition mounted?") },
  };
  await expect(composeGrubEnv(await parts({ BootEnv: "auto" }), find)).rejects.toMatchObject(error);
  installTool();
  await expect(composeGrubEnv(await parts({ BootEnv: "native" }), find)).rejects.toMatchObject(error);
  const env = await composeGrubEnv(await parts({ BootEnv: "auto" }), find);
  expect((await env.read(["bootcount"], signal)).get("bootcount")).toBe("5");
  expect(started).toEqual(["grub-mender-grubenv-print"]);
});
