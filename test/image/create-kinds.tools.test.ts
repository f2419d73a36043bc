import { execFileSync } from "node:child_process";
import {
  chmodSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, expect, test, vi } from "vitest";
import { decodeRecord, variablesOf } from "../../adapters/bootloader/uboot/env-record.ts";
import { hashOfFile } from "../../image/cache.ts";
import { create, extracted, MIB, makeTree, newFolder, put, said } from "./image-rig.ts";

let folder: string;
let tree: string;
let work: string;
let made = 0;
beforeAll(() => {
  folder = newFolder();
  tree = makeTree(folder);
});
beforeEach(() => {
  work = join(folder, `work${made++}`);
  mkdirSync(work);
});
afterEach(() => vi.unstubAllEnvs());
afterAll(() => rm(folder, { recursive: true }));

const UBI = `name: nand
deviceType: nand-board
ubi:
  eraseBlock: 128K
  page: 2K
  device: /dev/ubi0
  volumes:
    - { role: rootfsA, name: rootfsa, size: 8M }
    - { role: rootfsB, name: rootfsb, size: 8M }
    - { role: data, name: data, size: 4M, files: [{ to: notes, text: hello }] }
    - { role: environment, name: u-boot-env-1, size: 124K }
    - { role: environment, name: u-boot-env-2, size: 124K }
bootloader:
  kind: u-boot
  environment: { variables: env.txt, size: 64K }
firstBoot: { growData: true }
`;
const NO_LOADER = `name: plain
deviceType: plain
disk: { label: gpt, alignment: 1M, size: 32M, device: /dev/sda }
partitions:
  - { role: rootfsA, size: 8M }
  - { role: rootfsB, size: 8M }
  - { role: data, size: 8M }
bootloader: { kind: none }
`;
const ERASE_BLOCK = 128 * 1024;
/** Both headers of UBI come first, a page each. */
const DATA_AT = 4096;

interface Block {
  readonly volume: number;
  readonly number: number;
  readonly data: Buffer;
}

/** The erase blocks of an image, by the headers of UBI. */
function blocksOf(image: Buffer): readonly Block[] {
  return Array.from({ length: image.length / ERASE_BLOCK }, (_, index) => {
    const block = image.subarray(index * ERASE_BLOCK, (index + 1) * ERASE_BLOCK);
    expect(block.toString("latin1", 0, 4)).toBe("UBI#");
    expect(block.toString("latin1", 2048, 2052)).toBe("UBI!");
    return {
      volume: block.readUInt32BE(2048 + 8),
      number: block.readUInt32BE(2048 + 12),
      data: block.subarray(DATA_AT),
    };
  });
}

test("an image for NAND has its UBI volumes with filesystems and both environments, the same in every build", async () => {
  put(work, { "env.txt": "mender_boot_part=0\nupgrade_available=0\n" });
  const one = await create(work, UBI, { rootfs: tree, output: join(work, "one.ubi") });
  // The clock must not get into the image.
  execFileSync("cp", ["-a", tree, join(work, "copy")]);
  const two = await create(work, UBI, { rootfs: join(work, "copy"), output: join(work, "two.ubi") });
  expect(await hashOfFile(two.output)).toBe(await hashOfFile(one.output));
  const blocks = blocksOf(readFileSync(one.output));
  const volumes = readFileSync(one.output).toString("latin1");
  for (const name of ["rootfsa", "rootfsb", "data", "u-boot-env-1", "u-boot-env-2"]) expect(volumes).toContain(name);
  const of = (volume: number): Buffer =>
    blocks.find((block) => block.volume === volume && block.number === 0)?.data ?? Buffer.of();
  for (const environment of [of(3), of(4)]) {
    const record = decodeRecord(environment.subarray(0, 64 * 1024), true);
    expect([...variablesOf(record ?? { entries: [] })]).toEqual([
      ["mender_boot_part", "0"],
      ["upgrade_available", "0"],
    ]);
  }
  // The superblock of UBIFS.
  for (const root of [of(0), of(2)]) expect([root.readUInt32LE(0), root[20]]).toEqual([0x06101831, 6]);
  expect(of(1).length).toBe(0);
});

test("a volume that is too small is refused", async () => {
  put(work, { "env.txt": "a=1\n" });
  const small = UBI.replace("rootfsa, size: 8M", "rootfsa, size: 1M");
  await expect(create(work, small, { rootfs: tree })).rejects.toMatchObject({ code: "IMAGE_TOOL_FAILED" });
});

test("a Raspberry Pi gets autoboot.txt, and a kernel partition for each slot whose root= is that slot's", async () => {
  put(work, { "firmware/kernel8.img": "kernel", "firmware/overlays/a.dtbo": "overlay" });
  const board = await readFile("image/boards/raspberrypi.yaml", "utf8");
  const { layout, output } = await create(work, board.replaceAll("256M", "36M").replaceAll("1G", "32M"), {
    rootfs: tree,
  });
  const listed = await said("sfdisk", "--json", output);
  const { partitiontable } = JSON.parse(listed) as {
    partitiontable: { id: string; partitions: { node: string; type: string }[] };
  };
  expect(partitiontable.partitions.map(({ node, type }) => [Number(node.slice(output.length)), type])).toEqual([
    ...[1, 2, 3].map((number) => [number, "c"]),
    [4, "5"],
    ...[5, 6, 7].map((number) => [number, "83"]),
  ]);
  const text = async (role: string, name: string): Promise<string> =>
    said("mtype", "-i", await extracted(output, layout, role), `::${name}`);
  expect(await text("boot", "autoboot.txt")).toBe(
    "[all]\ntryboot_a_b=1\nboot_partition=2\n[tryboot]\nboot_partition=3\n",
  );
  const id = partitiontable.id.slice(2);
  expect(await text("bootA", "cmdline.txt")).toContain(`root=PARTUUID=${id}-05 `);
  expect(await text("bootB", "cmdline.txt")).toContain(`root=PARTUUID=${id}-06 `);
  expect(await text("bootB", "overlays/a.dtbo")).toBe("overlay");
  const a = await extracted(output, layout, "rootfsA");
  await said("e2fsck", "-fn", a);
  expect(await said("debugfs", "-R", "cat usr/lib/systemd/system/switchback-grow-data.service", a)).toContain(
    "RequiresMountsFor=/data",
  );
});

test("U-Boot's environment may be one or two files of the boot partition, and one copy is not redundant", async () => {
  put(work, { "env.txt": "mender_boot_part=2\n" });
  const board = (files: string): string => `name: files
deviceType: files
disk: { label: dos, alignment: 1M, device: /dev/sda }
partitions:
  - { role: boot, size: 16M }
  - { role: rootfsA, size: 16M }
  - { role: rootfsB, size: 16M }
  - { role: data, size: 16M }
bootloader: { kind: u-boot, environment: { variables: env.txt, size: 16K, files: [${files}] } }
`;
  for (const names of [["uboot.env"], ["uboot.env", "uboot-redund.env"]]) {
    const { output } = await create(work, board(names.join(", ")), { rootfs: tree });
    const copies = names.map((name) => join(work, name));
    await said("mcopy", "-o", "-i", `${output}@@1M`, ...names.map((name) => `::${name}`), work);
    writeFileSync(join(work, "fw_env.config"), copies.map((copy) => `${copy} 0 0x4000\n`).join(""));
    expect(await said("fw_printenv", "-c", join(work, "fw_env.config"))).toBe("mender_boot_part=2\n");
  }
});

const SLOW_TOOL = `#!/bin/sh
sleep 0.3
PATH=/usr/sbin:/sbin:/usr/bin:/bin mke2fs "$@"
echo done >> "$RECORD"
`;

test("after a failure, no program runs any more, and an older image is still there", async () => {
  const [tools, record, output] = [join(work, "tools"), join(work, "record"), join(work, "disk.img")];
  put(work, { "tools/mke2fs": SLOW_TOOL, "env.txt": "a=1\n", "disk.img": "old", "huge.ext4": "" });
  chmodSync(join(tools, "mke2fs"), 0o755);
  truncateSync(join(work, "huge.ext4"), 9 * MIB);
  vi.stubEnv("PATH", `${tools}:${process.env["PATH"]}`);
  vi.stubEnv("RECORD", record);
  const failing = create(work, NO_LOADER, { rootfs: join(work, "huge.ext4") });
  await expect(failing).rejects.toMatchObject({ code: "IMAGE_SPACE", detail: { place: "rootfsA" } });
  expect(readFileSync(record, "utf8")).toBe("done\n");
  expect(readFileSync(output, "utf8")).toBe("old");
  expect(readdirSync(work).toSorted()).toEqual(["disk.img", "env.txt", "huge.ext4", "record", "tools"]);
});

test("a new image replaces a file or a link, but never a folder", async () => {
  const output = join(work, "disk.img");
  put(work, { "disk.img/kept": "content", old: "old" });
  await expect(create(work, NO_LOADER, { rootfs: tree })).rejects.toMatchObject({ code: "OUTPUT_FAILED" });
  expect(readFileSync(join(output, "kept"), "utf8")).toBe("content");
  await rm(output, { recursive: true });
  for (const before of ["link", "file"]) {
    if (before === "link") symlinkSync("old", output);
    await create(work, NO_LOADER, { rootfs: tree });
    expect([lstatSync(output).isFile(), lstatSync(output).size], before).toEqual([true, 32 * MIB]);
  }
  expect(readFileSync(join(work, "old"), "utf8")).toBe("old");
  expect(readdirSync(work).toSorted()).toEqual(["disk.img", "old"]);
});
