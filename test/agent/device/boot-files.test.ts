import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { composeBootloader } from "../../../src/agent/device/bootloader.ts";
import { thisHost } from "../../../src/agent/host.ts";
import { loadConfig } from "../../../src/config/config.ts";

const { signal } = new AbortController();

/** The boot loader that a board with this configuration has. */
async function composed(own?: Record<string, unknown>) {
  const folder = await mkdtemp(join(tmpdir(), "conf-"));
  try {
    const main = join(folder, "mender.conf");
    const keys = {
      RootfsPartA: "/dev/mmcblk0p5",
      RootfsPartB: "/dev/mmcblk0p6",
      ...(own !== undefined && { Switchback: own }),
    };
    await writeFile(main, JSON.stringify(keys));
    const files = { main, fallback: join(folder, "none"), mainRequired: true, fallbackRequired: false };
    const config = await loadConfig(files, () => undefined);
    return composeBootloader({ config, host: thisHost, log: () => undefined });
  } finally {
    await rm(folder, { recursive: true });
  }
}

for (const [tools, own, kind] of [
  [["grub-mender-grubenv-print", "grub-mender-grubenv-set"], undefined, "grub"],
  [["grub-mender-grubenv-print", "fw_printenv"], undefined, "grub"],
  [["fw_printenv", "fw_setenv"], undefined, "uboot"],
  [[], undefined, "uboot"],
  [["grub-mender-grubenv-print"], { Bootloader: "uboot" }, "uboot"],
  [["grub-mender-grubenv-print"], { FwEnvConfig: "/etc/fw_env.config" }, "uboot"],
] as const) {
  test(`a board with the tools ${tools.join(" and ")} and ${JSON.stringify(own)} as configuration boots by ${kind}`, async () => {
    const usual = process.env["PATH"];
    const folder = await mkdtemp(join(tmpdir(), "path-"));
    try {
      for (const tool of tools) await writeFile(join(folder, tool), "#!/bin/sh\n", { mode: 0o755 });
      process.env["PATH"] = `/nowhere:${folder}`;
      expect((await composed(own)).kind).toBe(kind);
    } finally {
      process.env["PATH"] = usual;
      await rm(folder, { recursive: true });
    }
  });
}

for (const [what, own] of [
  ["systemd-boot without its folder", { Bootloader: "systemd-boot" }],
  ["tryboot without its folder", { Bootloader: "rpi-tryboot", BootPartitionA: 2, BootPartitionB: 3 }],
  ["tryboot without partitions", { Bootloader: "rpi-tryboot", BootFolder: "/bootfs" }],
  [
    "tryboot with one partition for both",
    { Bootloader: "rpi-tryboot", BootFolder: "/x", BootPartitionA: 2, BootPartitionB: 2 },
  ],
] as const) {
  test(`${what} is a configuration that cannot work`, async () => {
    await expect(composed(own)).rejects.toMatchObject({ code: "CONFIG_INVALID" });
  });
}

test("the named boot loader looks at its own files, when it is asked", async () => {
  const folder = await mkdtemp(join(tmpdir(), "bootfs-"));
  const partitions = { BootPartitionA: 2, BootPartitionB: 3 };
  const tryboot = await composed({ Bootloader: "rpi-tryboot", BootFolder: folder, ...partitions });
  const systemd = await composed({ Bootloader: "systemd-boot", BootFolder: folder });
  expect([tryboot.kind, systemd.kind]).toEqual(["rpi-tryboot", "systemd-boot"]);
  for (const boot of [tryboot, systemd])
    await expect(boot.plan(signal)).rejects.toMatchObject({ code: "BOOTENV_READ" });
  await writeFile(join(folder, "autoboot.txt"), "[all]\ntryboot_a_b=1\nboot_partition=3\n");
  await mkdir(join(folder, "loader/entries"), { recursive: true });
  await writeFile(join(folder, "loader/loader.conf"), "default switchback-*\n");
  for (const name of ["1-a", "2-b"])
    await writeFile(join(folder, `loader/entries/switchback-${name}.conf`), "title x\n");
  for (const boot of [tryboot, systemd]) expect(await boot.plan(signal)).toEqual({ slot: "B", trial: false });
  expect(await tryboot.rebootArgument?.(signal)).toBeUndefined();
  const subjects = [join(folder, "autoboot.txt"), `boot entries in ${join(folder, "loader/entries")}`];
  for (const [index, boot] of [tryboot, systemd].entries())
    expect(await boot.diagnose?.(signal)).toMatchObject([{ level: "good", subject: subjects[index] }]);
  await rm(folder, { recursive: true });
});

test("arming on a Raspberry Pi runs the board's vcmailbox", async () => {
  const usual = process.env["PATH"];
  const folder = await mkdtemp(join(tmpdir(), "bootfs-"));
  try {
    const asked = join(folder, "asked");
    await writeFile(join(folder, "vcmailbox"), `#!/bin/sh\necho "$@" > ${asked}\n`, { mode: 0o755 });
    await writeFile(join(folder, "autoboot.txt"), "[all]\ntryboot_a_b=1\nboot_partition=2\n");
    process.env["PATH"] = `${folder}:${usual}`;
    const partitions = { BootPartitionA: 2, BootPartitionB: 3 };
    const boot = await composed({ Bootloader: "rpi-tryboot", BootFolder: folder, ...partitions });
    await boot.arm("B", signal);
    expect(await readFile(asked, "utf8")).toBe("0x00038064 4 0 1\n");
  } finally {
    process.env["PATH"] = usual;
    await rm(folder, { recursive: true });
  }
});
