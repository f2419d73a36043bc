import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { FixtureDisk, FixturePartition, Tree } from "./disk-fixture.ts";

const OS: Tree = {
  "usr/lib/os-release": 'NAME="Test"\nPRETTY_NAME="Test Linux 1"\n',
  "etc/os-release": { link: "../usr/lib/os-release" },
  "usr/bin/node": "#!",
  "usr/lib/systemd/systemd": "",
  "etc/machine-id": "",
};

export const PUBLIC_KEY = "-----BEGIN PUBLIC KEY-----\nMCow\n-----END PUBLIC KEY-----\n";

/** A root file system with the agent, for slots in the partitions `a` and `b` of `device`. */
function rootTree(bundle: string, device: string, a: number, b: number, data: number, more: Tree = {}): Tree {
  return {
    ...OS,
    "var/lib/dpkg/status": "Package: nodejs\nStatus: install ok installed\nVersion: 20.19.2+dfsg-1\n\n",
    "usr/lib/switchback": { copy: bundle },
    "usr/bin/switchback": { link: "../lib/switchback/switchback.mjs" },
    "usr/bin/mender": { link: "../lib/switchback/switchback.mjs" },
    "etc/systemd/system/multi-user.target.wants/switchback.service": {
      link: "/usr/lib/systemd/system/switchback.service",
    },
    "etc/mender/artifact_info": "artifact_name=release-1\n",
    "etc/mender/artifact-verify-key.pem": PUBLIC_KEY,
    "etc/mender/mender.conf": JSON.stringify({
      RootfsPartA: `${device}${a}`,
      RootfsPartB: `${device}${b}`,
      serverurl: "https://ota.example.com",
      ArtifactVerifyKey: "/etc/mender/artifact-verify-key.pem",
    }),
    "etc/fstab": `# devices\n${device}${data} /data ext4 defaults 0 2\ntmpfs /tmp tmpfs defaults 0 0\n`,
    "var/lib/mender": { link: "/data/mender" },
    ...more,
  };
}

export const dataPartition = (mib = 8, files: Tree = {}): FixturePartition => ({
  mib,
  fs: "ext4",
  label: "data",
  files: { "mender/device_type": "device_type=test-board\n", ...files },
});

const root = (mib: number, files: Tree): FixturePartition => ({ mib, fs: "ext4", files });

const VARIABLES: Readonly<Record<string, string>> = {
  bootcount: "0",
  bootlimit: "1",
  mender_boot_part: "2",
  mender_boot_part_hex: "2",
  upgrade_available: "0",
};

/** What mkenvimage makes of variables. */
export function environmentBytes(folder: string, variables = VARIABLES): Buffer {
  const out = join(folder, "env");
  const text = Object.entries(variables).map(([name, value]) => `${name}=${value}\n`);
  execFileSync("mkenvimage", ["-r", "-s", "0x20000", "-o", out, "-"], { input: text.join("") });
  return readFileSync(out);
}

/** A board with U-Boot, its environment between the partition table and the first partition. */
export function uBootDisk(bundle: string, environment: Buffer, tree: Tree = {}, data = dataPartition()): FixtureDisk {
  const config = "/dev/mmcblk0 0x800000 0x20000\n/dev/mmcblk0 0x1000000 0x20000\n";
  const files = rootTree(bundle, "/dev/mmcblk0p", 2, 3, 4, { "etc/fw_env.config": config, ...tree });
  return {
    label: "dos",
    partitions: [{ mib: 8, fs: "vfat", type: "c", label: "BOOT" }, root(16, files), { mib: 16 }, data],
    raw: [
      [0x800000, environment],
      [0x1000000, environment],
    ],
  };
}

/** A board with GRUB and Mender's integration. */
export function grubDisk(bundle: string, folder: string, variables = VARIABLES): FixtureDisk {
  const lock = block(folder, { editing: "0" });
  const copy = (name: string): Tree => ({
    [`grub-mender-grubenv/${name}/env`]: block(folder, variables),
    [`grub-mender-grubenv/${name}/lock`]: lock,
    [`grub-mender-grubenv/${name}/lock.sha256sum`]: `${createHash("sha256").update(lock).digest("hex")}  lock\n`,
  });
  const files = { ...copy("mender_grubenv1"), ...copy("mender_grubenv2") };
  return {
    label: "gpt",
    partitions: [
      { mib: 8, fs: "vfat", type: "uefi", label: "BOOT", files },
      { ...root(16, rootTree(bundle, "/dev/sda", 2, 3, 4)), fs: "squashfs" },
      { mib: 16 },
      dataPartition(),
    ],
  };
}

function block(folder: string, variables: Readonly<Record<string, string>>): Buffer {
  const path = join(folder, "block");
  execFileSync("grub-editenv", [path, "create"]);
  execFileSync("grub-editenv", [path, "set", ...Object.entries(variables).map(([name, value]) => `${name}=${value}`)]);
  return readFileSync(path);
}

/** A Raspberry Pi: a FAT partition that names the slot, and one with a kernel for each slot. */
export function trybootDisk(bundle: string, armed = ""): FixtureDisk {
  const autoboot = `[all]\ntryboot_a_b=1\nboot_partition=3\n[tryboot]\nboot_partition=2\n${armed}`;
  const kernel = (device: string, label: string): FixturePartition => ({
    ...{ mib: 8, fs: "vfat", type: "uefi", label },
    files: { "cmdline.txt": `console=serial0 root=${device} rootwait\n`, "config.txt": "kernel=kernel8.img\n" },
  });
  const files = rootTree(bundle, "/dev/mmcblk0p", 4, 5, 6, {
    "etc/fstab": "PARTLABEL=data /data ext4 defaults 0 2\nLABEL=BOOT /boot/firmware vfat defaults 0 2\n",
  });
  return {
    label: "gpt",
    partitions: [
      { mib: 8, fs: "vfat", type: "uefi", label: "BOOT", files: { "autoboot.txt": autoboot } },
      kernel("/dev/mmcblk0p4", "KERNELA"),
      kernel("PARTLABEL=rootB", "KERNELB"),
      { ...root(16, files), label: "rootA" },
      { ...root(16, files), label: "rootB" },
      dataPartition(),
    ],
  };
}

/** systemd-boot with an entry for each slot. */
export function systemdBootDisk(bundle: string, entries: Tree): FixtureDisk {
  return {
    label: "gpt",
    partitions: [
      { mib: 8, fs: "vfat", type: "uefi", label: "ESP", files: entries },
      root(16, rootTree(bundle, "/dev/vda", 2, 3, 4)),
      { mib: 16 },
      dataPartition(),
    ],
  };
}
