import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { parseAutoboot } from "../../../adapters/bootloader/rpi-tryboot/autoboot.ts";
import { inspectImage } from "../../../image/inspect/inspect-image.ts";
import { readPartitionTable } from "../../../image/partition-table.ts";
import { cli } from "../../support/test-board.ts";
import { type FixtureDisk, type Tree, writeDisk, writeFileSystem } from "../inspect/disk-fixture.ts";

const MIB = 1024 * 1024;
const signal = new AbortController().signal;

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "switchback-convert-"));
  const agent = join(folder, "agent");
  for (const name of ["chunks", "systemd", "identity", "update-modules"])
    mkdirSync(join(agent, name), { recursive: true });
  writeFileSync(join(agent, "switchback.mjs"), "#!/usr/bin/env node\n", { mode: 0o755 });
  writeFileSync(join(agent, "chunks/start-0.mjs"), 'var a="1.2.3";');
  writeFileSync(join(agent, "identity/mender-device-identity"), "#!/bin/sh\n", { mode: 0o755 });
  writeFileSync(join(agent, "update-modules/single-file"), "#!/bin/sh\n", { mode: 0o755 });
  for (const name of ["switchback.service", "switchback-resume.service"])
    writeFileSync(join(agent, "systemd", name), "[Unit]\n");
  writeFileSync(join(folder, "tryboot.yaml"), TRYBOOT);
  writeFileSync(join(folder, "uboot.yaml"), UBOOT);
  writeFileSync(join(folder, "env.txt"), "mender_boot_part=2\nupgrade_available=0\nbootcount=0\nbootlimit=1\n");
});
afterAll(() => rm(folder, { recursive: true }));

const TRYBOOT = `name: pi
deviceType: raspberrypi4
disk: { label: dos, alignment: 1M, device: /dev/mmcblk0 }
partitions:
  - { role: boot, size: 8M }
  - { role: bootA, size: 8M }
  - { role: bootB, size: 8M }
  - { role: rootfsA, size: 24M }
  - { role: rootfsB, size: 24M }
  - { role: data, size: 8M }
bootloader: { kind: rpi-tryboot }
firstBoot: { growData: true }
rootfs: { files: [{ to: etc/mender/scripts/note, text: "slot A is @rootfsA@\\n", mode: "0700" }] }
`;
const UBOOT = `name: sd
deviceType: sd-board
disk: { label: dos, alignment: 8M, start: 24M, device: /dev/mmcblk0 }
partitions:
  - { role: boot, size: 8M }
  - { role: rootfsA, size: 16M }
  - { role: rootfsB, size: 16M }
  - { role: data, size: 8M }
bootloader: { kind: u-boot, environment: { variables: env.txt, size: 128K, offsets: [8M, 16M] } }
`;

const SYSTEM: Tree = {
  "etc/os-release": 'PRETTY_NAME="Plain Linux"\n',
  "etc/fstab":
    "proc /proc proc defaults 0 0\nPARTUUID=5b5b5b5b-01 /boot/firmware vfat defaults 0 2\nPARTUUID=5b5b5b5b-02 / ext4 defaults 0 1\n",
  "etc/machine-id": "0123456789abcdef0123456789abcdef\n",
  "etc/systemd/system/multi-user.target.wants/ssh.service": { link: "/usr/lib/systemd/system/ssh.service" },
  "etc/mender/mender.conf": '{ "ServerURL": "https://ota.example.com", "Switchback": { "StrictCompat": true } }',
  "usr/bin/node": "#!",
  "usr/bin/tool": "#!/bin/sh\n",
  "usr/lib/systemd/systemd": "",
  "var/lib/dpkg/status": "Package: nodejs\nStatus: install ok installed\nVersion: 20.19.2\n",
  "var/lib/mender/leftover/file": "x",
  "home/user/large": Buffer.alloc(3 * MIB, 7),
  bin: { link: "usr/bin" },
};
const FIRMWARE: Tree = {
  "cmdline.txt": "console=tty1 root=PARTUUID=5b5b5b5b-02 rootwait init=/usr/lib/raspberrypi-sys-mods/firstboot quiet\n",
  "config.txt": "arm_64bit=1\n",
  "kernel8.img": "kernel",
  "bootcode.bin": "stage",
  "overlays/one.dtbo": "overlay",
};

const plainPi = (system: Tree = SYSTEM): FixtureDisk => ({
  label: "dos",
  partitions: [
    { mib: 8, fs: "vfat", type: "c", label: "bootfs", files: FIRMWARE },
    { mib: 16, fs: "ext4", label: "rootfs", files: system },
  ],
});

/** Commands that make what an unprivileged user cannot put into a folder. */
const SPECIAL = [
  "sif /usr/bin/tool mode 0104755",
  "sif /usr/bin/tool uid 1000",
  "sif /usr/bin/tool gid 70000",
  "ea_set /usr/bin/tool security.capability cap",
  "ea_set /home user.note of-a-folder",
  "ln /usr/bin/tool /usr/bin/same",
  "sif /usr/bin/tool links_count 2",
  "cd /home",
  "mknod disk b 8 1",
  "mknod pipe p",
];
const FACTS = [
  "stat /usr/bin/tool",
  "ea_list /usr/bin/tool",
  "ea_list /home",
  "stat /home/disk",
  "stat /home/pipe",
  "stat /usr/bin/same",
  "stat /bin",
  "stat /home/user/large",
];

function debugfs(image: string, offset: number, commands: readonly string[], ...flags: readonly string[]): string {
  const args = [...flags, "-f", "-", `${image}?offset=${offset}`];
  return execFileSync("debugfs", args, {
    input: `${commands.join("\n")}\n`,
    encoding: "utf8",
    stdio: ["pipe", "pipe", "ignore"],
  });
}

/** Places on the disk change, and checksums with them. */
const factsOf = (image: string, offset: number): string =>
  debugfs(image, offset, FACTS).replaceAll(/^(?:EXTENTS:|\(.*\):.*|Inode checksum:.*|Size of extra.*)$\n?/gm, "");

let made = 0;
async function convert(image: string, board: string, ...options: readonly string[]) {
  const output = join(folder, `out-${made++}.img`);
  const argv = [
    "image",
    "convert",
    image,
    "--board",
    join(folder, board),
    "-o",
    output,
    "--agent",
    join(folder, "agent"),
  ];
  return { output, ...(await cli("switchback", [...argv, ...options])) };
}

test("an image of a Raspberry Pi gets two slots with kernels of their own, and keeps everything in its root filesystem", async () => {
  const image = join(folder, "pi.img");
  await writeDisk(image, plainPi());
  const offset = (24 + 8) * MIB;
  debugfs(image, offset, SPECIAL, "-w");
  const before = factsOf(image, offset);
  expect(before).toContain("Mode:  04755");
  expect(before).toContain("Device major/minor number: 08:01");
  const artifact = join(folder, "first.mender");
  const { output, exitCode, err } = await convert(image, "tryboot.yaml", "--artifact", artifact, "-n", "release-1");
  expect({ exitCode, err }).toEqual({ exitCode: 0, err: [] });

  const { partitions = [] } = (await readPartitionTable(output)) ?? {};
  const listed = execFileSync("sfdisk", ["--json", output], { encoding: "utf8" });
  expect(JSON.parse(listed).partitiontable.partitions.map(({ size }: { size: number }) => size * 512)).toEqual(
    partitions.map(({ size }) => size),
  );
  const at = (number: number): number => partitions.find((each) => each.number === number)?.offset ?? 0;
  // A DOS table with more than four partitions: 1, 2 and 3 are FAT, 4 contains the others.
  const [boot, bootA, rootA] = [at(1), at(2), at(6)];
  const [bootB, slots] = [at(3), { A: at(5), B: at(6) }];
  expect([boot, bootA, bootB, rootA, slots.A].every((place) => place > 0)).toBe(true);
  const fat = (place: number, name: string): string =>
    execFileSync("mtype", ["-i", `${output}@@${place}`, `::${name}`], { encoding: "utf8" });
  expect(parseAutoboot(fat(boot, "autoboot.txt"))).toEqual({ usual: 2 });
  expect(fat(boot, "autoboot.txt")).toContain("[tryboot]\nboot_partition=3\n");
  expect(fat(boot, "bootcode.bin")).toBe("stage");
  const id = /label-id: 0x(\S+)/.exec(execFileSync("sfdisk", ["--dump", output], { encoding: "utf8" }))?.[1];
  expect(fat(bootA, "cmdline.txt")).toBe(`console=tty1 root=PARTUUID=${id}-05 rootwait quiet\n`);
  expect(fat(bootB, "cmdline.txt")).toBe(`console=tty1 root=PARTUUID=${id}-06 rootwait quiet\n`);
  for (const place of [bootA, bootB]) {
    expect(fat(place, "config.txt")).toBe("arm_64bit=1\n");
    expect(fat(place, "kernel8.img")).toBe("kernel");
    expect(fat(place, "overlays/one.dtbo")).toBe("overlay");
  }

  expect(factsOf(output, slots.A)).toBe(before);
  const read = (path: string): string => debugfs(output, slots.A, [`cat ${path}`]).replace(/^debugfs: .*\n/, "");
  expect(read("/etc/fstab")).toBe(
    [
      "# The boot loader chooses the device of /.",
      "proc /proc proc defaults 0 0",
      "/dev/mmcblk0p1 /boot/autoboot vfat defaults,noatime 0 2",
      "/dev/mmcblk0p7 /data ext4 defaults,noatime 0 2",
      "",
    ].join("\n"),
  );
  expect(JSON.parse(read("/etc/mender/mender.conf"))).toEqual({
    ServerURL: "https://ota.example.com",
    RootfsPartA: "/dev/mmcblk0p5",
    RootfsPartB: "/dev/mmcblk0p6",
    Switchback: {
      StrictCompat: true,
      ...{ Bootloader: "rpi-tryboot", BootFolder: "/boot/autoboot", BootPartitionA: 2, BootPartitionB: 3 },
    },
  });
  expect(read("/etc/mender/scripts/note")).toBe("slot A is /dev/mmcblk0p5\n");
  expect(read("/etc/machine-id")).toBe("");
  const stat = debugfs(output, slots.A, [
    "stat /usr/bin/switchback",
    "stat /usr/lib/switchback",
    "stat /var/lib/mender",
  ]);
  expect(stat).toContain('Fast link dest: "../lib/switchback/switchback.mjs"');
  expect(stat).toContain('Fast link dest: "/data/mender"');
  expect(stat).toContain("Mode:  0755");
  execFileSync("e2fsck", ["-fn", `${output}?offset=${slots.A}`], { stdio: "ignore" });

  const report = await inspectImage(output, signal);
  expect(report.findings.filter(({ level }) => level !== "ok").map(({ subject }) => subject)).toEqual([
    "verification key",
  ]);
  expect(report).toMatchObject({
    bootloader: { kind: "rpi-tryboot", boots: { slot: "A", trial: false } },
    deviceType: "raspberrypi4",
    artifact: { name: "release-1", from: "/var/lib/mender/bootstrap.mender" },
    systems: [{ agents: [{ version: "1.2.3", unit: "switchback.service" }] }],
  });

  const shown = await cli("switchback", ["artifact", "read", "--json", artifact]);
  const { name, device_types, payloads } = JSON.parse(shown.out.join("\n"));
  expect({ name, device_types }).toEqual({ name: "release-1", device_types: ["raspberrypi4"] });
  const slot = readFileSync(output).subarray(slots.A, slots.A + 24 * MIB);
  const sum = execFileSync("sha256sum", { input: slot, encoding: "utf8" }).split(" ")[0];
  expect(payloads[0].files[0]).toMatchObject({ size: 24 * MIB, sha256: sum });
});

test("a compressed image of one filesystem becomes a disk with U-Boot's environment", async () => {
  const image = join(folder, "rootfs.ext4");
  const { "home/user/large": _, ...small } = SYSTEM;
  writeFileSystem(image, { mib: 12, fs: "ext4", files: small });
  execFileSync("gzip", ["-1", image]);
  const { output, exitCode, err } = await convert(`${image}.gz`, "uboot.yaml");
  expect({ exitCode, err }).toEqual({ exitCode: 0, err: [] });
  const report = await inspectImage(output, signal);
  expect(report.bootloader).toMatchObject({ kind: "uboot", boots: { slot: "A", partition: 2, trial: false } });
  expect(report.bootloader?.environment?.copies).toEqual([
    { place: "/dev/mmcblk0 0x800000", valid: true },
    { place: "/dev/mmcblk0 0x1000000", valid: true },
  ]);
  expect(report.ok).toBe(true);
});

const { "usr/bin/node": _node, ...WITHOUT_NODE } = SYSTEM;
const oldNode = { "var/lib/dpkg/status": "Package: nodejs\nStatus: install ok installed\nVersion: 18.19.0\n" };
const REFUSED: Readonly<Record<string, readonly [() => FixtureDisk, board: string, says: string]>> = {
  "no Node": [() => plainPi(WITHOUT_NODE), "tryboot.yaml", "CONVERT_NODE"],
  "a Node that is too old": [
    () => plainPi({ ...SYSTEM, ...oldNode }),
    "tryboot.yaml",
    "found=18.19.0, install=nodejs 20.19 or newer",
  ],
  "an agent": [() => plainPi({ ...SYSTEM, "usr/bin/mender": "ELF" }), "tryboot.yaml", "CONVERT_AGENT"],
  "a root filesystem larger than the slots": [
    () => ({
      label: "dos",
      partitions: [{ mib: 32, fs: "ext4", files: { ...SYSTEM, "home/more": Buffer.alloc(16 * MIB, 3) } }],
    }),
    "uboot.yaml",
    "CONVERT_SPACE",
  ],
  "two root filesystems": [
    () => ({ ...plainPi(), partitions: [...plainPi().partitions, { mib: 16, fs: "ext4", files: SYSTEM }] }),
    "tryboot.yaml",
    "2 found",
  ],
  squashfs: [
    () => ({ label: "dos", partitions: [{ mib: 16, fs: "squashfs", files: SYSTEM }] }),
    "tryboot.yaml",
    "CONVERT_ROOTFS",
  ],
  "no firmware": [
    () => ({ label: "dos", partitions: [{ mib: 16, fs: "ext4", files: SYSTEM }] }),
    "tryboot.yaml",
    "CONVERT_BOOT",
  ],
};

for (const [what, [disk, board, says]] of Object.entries(REFUSED)) {
  test(`refused, with nothing left behind: ${what}`, async () => {
    const image = join(folder, "refused.img");
    await writeDisk(image, disk());
    const names = readdirSync(folder);
    const { output, exitCode, err } = await convert(image, board);
    expect(err.join("\n")).toContain(says);
    expect(exitCode).toBe(1);
    expect(existsSync(output)).toBe(false);
    expect(readdirSync(folder)).toEqual(names);
  });
}

test("refused: a folder without the agent, and an Artifact without a name", async () => {
  const argv = ["image", "convert", "x.img", "--board", join(folder, "uboot.yaml"), "-o", join(folder, "x")];
  const bundle = await cli("switchback", [...argv, "--agent", folder]);
  expect(bundle.err.join("\n")).toContain("CONVERT_BUNDLE");
  const name = await cli("switchback", [...argv, "--artifact", "a.mender"]);
  expect(name.err.join("\n")).toContain("OPTION_MISSING");
});
