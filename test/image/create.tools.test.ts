import { execFileSync } from "node:child_process";
import { copyFileSync, existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { rm } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { hashOfFile } from "../../image/cache.ts";
import { create, extracted, MIB, makeTree, newFolder, put, said } from "./image-rig.ts";

let folder: string;
let tree: string;
beforeAll(() => {
  folder = newFolder();
  tree = makeTree(folder);
});
afterAll(() => rm(folder, { recursive: true }));
let work: string;
let made = 0;
beforeEach(() => {
  work = join(folder, `work${made++}`);
  mkdirSync(work);
});

const SLOTS = `  - { role: rootfsA, size: 32M }
  - { role: rootfsB, size: 32M }
`;
const UBOOT = `name: sd
deviceType: sd-board
disk: { label: dos, alignment: 8M, start: 24M, device: /dev/mmcblk0 }
partitions:
  - { role: boot, size: 16M, files: [{ from: u-boot.bin, to: boot/u-boot.bin }] }
${SLOTS}  - { role: data, size: 16M, content: data, files: [{ to: etc/notes, text: "slot A is @rootfsA@\\n", mode: "0600" }] }
bootloader:
  kind: u-boot
  environment: { variables: env.txt, size: 128K, offsets: [8M, 16M] }
raw:
  - { from: spl.bin, offset: 8K }
`;
const GRUB = `name: pc
deviceType: pc
console: ttyS0
disk: { label: gpt, alignment: 1M, device: /dev/vda }
partitions:
  - { role: boot, size: 34M, mount: /boot/efi }
${SLOTS}  - { role: swap, size: 8M }
  - { role: data, size: 16M, mount: /data }
  - { role: extra, size: 32M, label: golden, content: rootfs }
  - { role: extra, size: 16M, label: second, filesystem: ext4, content: data }
bootloader: { kind: grub, script: grub.cfg }
firstBoot: { growData: true, machineId: true }
`;

function putInputs(): void {
  const environment = "# variables\nmender_boot_part=2\nupgrade_available=0\nbootcmd=run \\\nthis\n";
  put(work, {
    "u-boot.bin": "boot",
    "spl.bin": "SPL",
    "env.txt": environment,
    "grub.cfg": "set disk=@DISK@ @CONSOLE@\n",
  });
  put(work, { "data/app/settings": "a=1\n", "data/mender/mender.conf": "{}" });
}

interface Listed {
  readonly label: string;
  readonly partitions: readonly {
    readonly start: number;
    readonly size: number;
    readonly type: string;
    readonly name?: string;
  }[];
}
const tableOf = async (image: string): Promise<Listed> =>
  (JSON.parse(await said("sfdisk", "--json", image)) as { partitiontable: Listed }).partitiontable;

test("an SD card for U-Boot has the layout, the environment and the contents of its board file", async () => {
  putInputs();
  const { layout, output } = await create(work, UBOOT, { rootfs: tree });
  const { label, partitions } = await tableOf(output);
  expect([label, ...partitions.map(({ type, start, size }) => [type, start / 2048, size / 2048])]).toEqual([
    "dos",
    ["c", 24, 16],
    ["83", 40, 32],
    ["83", 72, 32],
    ["83", 104, 16],
  ]);
  expect(readFileSync(output).toString("latin1", 8192, 8195)).toBe("SPL");
  writeFileSync(join(work, "fw_env.config"), `${output} 0x800000 0x20000\n${output} 0x1000000 0x20000\n`);
  const printed = await said("fw_printenv", "-c", join(work, "fw_env.config"));
  expect(printed.trim().split("\n").toSorted()).toEqual([
    "bootcmd=run this",
    "mender_boot_part=2",
    "upgrade_available=0",
  ]);
  expect(await said("mdir", "-b", "-i", `${output}@@24M`, "::boot")).toContain("::/boot/u-boot.bin");
  const data = await extracted(output, layout, "data");
  await said("e2fsck", "-fn", data);
  const cat = (path: string): Promise<string> => said("debugfs", "-R", `cat ${path}`, data);
  expect(await cat("mender/device_type")).toBe("device_type=sd-board\n");
  expect(await cat("app/settings")).toBe("a=1\n");
  expect(await cat("etc/notes")).toBe("slot A is /dev/mmcblk0p2\n");
  expect(await said("debugfs", "-R", "stat etc/notes", data)).toMatch(/Mode: +0600/);
  expect(await said("debugfs", "-R", "stat mender", data)).toMatch(/Mode: +0700/);
});

test("a root filesystem from a folder keeps everything but the caller's ownership, and e2fsck finds nothing", async () => {
  putInputs();
  const { layout, output } = await create(work, UBOOT, { rootfs: tree });
  const a = await extracted(output, layout, "rootfsA");
  expect(await said("e2fsck", "-fn", a)).toMatch(/rootfsA: \d+\/\d+ files/);
  const stat = (path: string): Promise<string> => said("debugfs", "-R", `stat ${path}`, a);
  expect(await stat("usr/bin/program")).toMatch(/Type: regular +Mode: +04755.*\nGeneration.*\nUser: +0 +Group: +0/);
  expect(await stat("usr/share/same")).toMatch(/Links: 2/);
  expect(await stat("etc/long")).toMatch(/Type: symlink[\s\S]*Size: 100\n/);
  expect(await stat("bin")).toContain('Fast link dest: "usr/bin"');
  expect(await said("debugfs", "-R", "cat usr/share/text", a)).toBe("x".repeat(100_000));
  expect((await said("debugfs", "-R", "cat usr/share/hole", a)).length).toBe(20_000);
});

test("a tar archive keeps owners, devices, capabilities and hard links, compressed or not, and its last entry wins", async () => {
  putInputs();
  const tar = join(work, "root.tar");
  const owned = ["--owner=1234", "--group=100000", "--format=pax", "--pax-option=exthdr.name=%d/%f"];
  execFileSync("tar", ["-C", tree, ...owned, "-cf", tar, "."]);
  put(work, { "etc/hostname": "second\n" });
  execFileSync("tar", ["-C", work, ...owned, "-rf", tar, "./etc/hostname"]);
  execFileSync("zstd", ["-q", tar]);
  const plain = await create(work, UBOOT, { rootfs: tar });
  const compressed = await create(work, UBOOT, { rootfs: `${tar}.zst`, output: join(work, "other.img") });
  expect(await hashOfFile(compressed.output)).toBe(await hashOfFile(plain.output));
  const a = await extracted(plain.output, plain.layout, "rootfsA");
  await said("e2fsck", "-fn", a);
  expect(await said("debugfs", "-R", "stat etc/hostname", a)).toMatch(/User: +1234 +Group: +100000/);
  expect(await said("debugfs", "-R", "cat etc/hostname", a)).toBe("second\n");
});

test("a PC with GRUB has both environments, swap, a second data partition and a golden copy", async () => {
  putInputs();
  const bootstrap = Buffer.from("Artifact");
  const { layout, output } = await create(work, GRUB, { rootfs: tree, bootstrap });
  const { label, partitions } = await tableOf(output);
  const names = ["BOOT", "rootfsA", "rootfsB", "swap", "data", "golden", "second"];
  expect([label, ...partitions.map(({ name }) => name)]).toEqual(["gpt", ...names]);
  expect(partitions[0]?.type).toBe("C12A7328-F81F-11D2-BA4B-00A0C93EC93B");
  for (const copy of [1, 2]) {
    const env = join(work, `env${copy}`);
    await said("mcopy", "-i", `${output}@@1M`, `::grub-mender-grubenv/mender_grubenv${copy}/env`, env);
    expect(await said("grub-editenv", env, "list")).toBe("bootcount=0\nmender_boot_part=2\nupgrade_available=0\n");
  }
  for (const name of ["lock", "lock.sha256sum"]) {
    await said("mcopy", "-i", `${output}@@1M`, `::grub-mender-grubenv/mender_grubenv1/${name}`, join(work, name));
  }
  const made = join(work, "own-lock");
  await said("grub-editenv", made, "create");
  await said("grub-editenv", made, "set", "editing=0");
  expect(readFileSync(join(work, "lock"))).toEqual(readFileSync(made));
  execFileSync("sha256sum", ["-c", "--status", "lock.sha256sum"], { cwd: work });
  const a = await extracted(output, layout, "rootfsA");
  await said("e2fsck", "-fn", a);
  expect((await said("debugfs", "-R", "stat etc/machine-id", a)).match(/Size: (\d+)/)?.[1]).toBe("0");
  const golden = layout.partitions.find((partition) => partition.label === "golden");
  const image = readFileSync(output);
  expect(
    image
      .subarray(golden?.startBytes)
      .subarray(0, 32 * MIB)
      .equals(readFileSync(a)),
  ).toBe(true);
  const data = await extracted(output, layout, "data");
  expect(await said("debugfs", "-R", "stat mender/bootstrap.mender", data)).toMatch(/Mode: +0400/);
  const swap = await extracted(output, layout, "swap");
  expect(await said("blkid", "-p", "-o", "value", "-s", "TYPE", swap)).toBe("swap\n");
});

test("the same inputs give the same bytes, and no time is later than SOURCE_DATE_EPOCH", async () => {
  putInputs();
  const one = await create(work, GRUB, { rootfs: tree });
  const other = join(work, "moved");
  execFileSync("cp", ["-a", tree, other]);
  const two = await create(work, GRUB, { rootfs: other, output: join(work, "two.img") });
  expect(await hashOfFile(two.output)).toBe(await hashOfFile(one.output));
  const a = await extracted(one.output, one.layout, "rootfsA");
  expect(await said("debugfs", "-R", "stat etc/hostname", a)).toMatch(/mtime: 0x5f5e1000/);
});

test("a failure names the cause, and leaves no file behind", async () => {
  putInputs();
  const failing = async (text: string, rootfs = tree): Promise<unknown> => {
    const before = readdirSync(work);
    const error = await create(work, text, { rootfs }).catch((error: unknown) => error);
    expect(readdirSync(work)).toEqual(before);
    return error;
  };
  const big = join(work, "big");
  put(work, { "big/file": Buffer.alloc(40 * MIB, 1), "text.tar": "no archive", "half.img": "x" });
  copyFileSync(join(work, "text.tar"), join(work, "cut.tar"));
  expect(await failing(UBOOT, big)).toMatchObject({ code: "IMAGE_SPACE", detail: { place: "rootfsA" } });
  expect(await failing(UBOOT, "/nowhere")).toMatchObject({ code: "IMAGE_INPUT", detail: { path: "/nowhere" } });
  expect(await failing(UBOOT.replace("u-boot.bin, to", "missing, to"))).toMatchObject({ code: "IMAGE_INPUT" });
  expect(await failing(UBOOT.replace("env.txt", "spl.bin"))).toMatchObject({ code: "IMAGE_INPUT" });
  expect(await failing(UBOOT.replace("size: 128K", "size: 16"))).toMatchObject({ code: "IMAGE_SPACE" });
  expect(await failing(GRUB, join(work, "half.img"))).toMatchObject({ code: "IMAGE_INPUT" });
  expect(existsSync(join(work, "disk.img"))).toBe(false);
});
