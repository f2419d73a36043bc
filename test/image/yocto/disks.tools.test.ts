import { mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import { rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { inspectImage } from "../../../image/inspect/inspect-image.ts";
import { loadConfig } from "../../../src/config/config.ts";
import { BuiltProgram } from "../../support/built-program.ts";
import { needs } from "../../support/needs.ts";
import { put, said } from "../image-rig.ts";
import { doctorOnDisk } from "./doctor-on-disk.ts";
import { type Build, bytesOf, printedEnvironment, YoctoBuild } from "./yocto-rig.ts";

const MIB = 1024 * 1024;
const yocto = new YoctoBuild(mkdtempSync(join(tmpdir(), "switchback-yocto-")));
afterAll(() => rm(yocto.folder, { recursive: true }));

const GRUB = { SWITCHBACK_BOOTLOADER: "grub" };
const UUID = (last: number): string => `5b5b5b5b-0000-4000-8000-00000000000${last}`;
const PARTUUIDS = (id: (number: number) => string): Build => ({
  MENDER_FEATURES_ENABLE: "mender-grub mender-partuuid",
  MENDER_ROOTFS_PART_A: `/dev/disk/by-partuuid/${id(2)}`,
  MENDER_ROOTFS_PART_B: `/dev/disk/by-partuuid/${id(3)}`,
  MENDER_DATA_PART: `/dev/disk/by-partuuid/${id(4)}`,
});
const EXTRAS = {
  MENDER_EXTRA_PARTS: "static update",
  "MENDER_EXTRA_PARTS[static]": "--label=static --fstype=ext4",
  "MENDER_EXTRA_PARTS[update]": "--label update --fstype vfat",
  "MENDER_EXTRA_PARTS_SIZES_MB[static]": "4",
  "MENDER_EXTRA_PARTS_SIZES_MB[update]": "3",
  "MENDER_EXTRA_PARTS_FSTAB[static]": "ext4 noexec 0 0",
  MENDER_SWAP_PART_SIZE_MB: "2",
};

/** The partitions in MiB: `start+size`. */
const CASES: Readonly<Record<string, readonly [kind: "sdimg" | "gptimg", build: Build, layout: string]>> = {
  "U-Boot on an SD card": ["sdimg", {}, "3+16 19+16 35+16 51+4"],
  "U-Boot on a GPT": ["gptimg", {}, "3+16 19+16 35+16 51+4"],
  "GRUB on a GPT": ["gptimg", GRUB, "1+16 17+17 34+17 51+4"],
  "GRUB on a DOS disk": ["sdimg", GRUB, "1+16 17+17 34+17 51+4"],
  "an alignment of 4 MiB": [
    "sdimg",
    { MENDER_PARTITION_ALIGNMENT: "4194304", MENDER_STORAGE_TOTAL_SIZE_MB: "71" },
    "12+16 28+16 44+16 60+4",
  ],
  "no boot partition": ["sdimg", { MENDER_BOOT_PART_SIZE_MB: "0" }, "3+24 27+24 51+4"],
  "another disk": [
    "gptimg",
    { MENDER_STORAGE_DEVICE: "/dev/sda", MENDER_UBOOT_STORAGE_INTERFACE: "usb" },
    "3+16 19+16 35+16 51+4",
  ],
  "other places of the environment": [
    "sdimg",
    {
      MENDER_UBOOT_ENV_STORAGE_DEVICE_OFFSET_1: "0x200000",
      MENDER_UBOOT_ENV_STORAGE_DEVICE_OFFSET_2: "0x280000",
      BOOTENV_SIZE: "0x4000",
      MENDER_RESERVED_SPACE_BOOTLOADER_DATA: "0x300000",
    },
    "4+16 20+15 35+15 50+4",
  ],
  "swap and further partitions on a DOS disk": ["sdimg", EXTRAS, "3+16 19+10 29+10 40+2 43+4 48+4 53+3"],
  "swap and further partitions on a GPT": ["gptimg", { ...EXTRAS, ...GRUB }, "1+16 17+12 29+12 41+2 43+4 47+4 51+3"],
  "partitions by PARTUUID on a GPT": ["gptimg", PARTUUIDS(UUID), "1+16 17+17 34+17 51+4"],
  "partitions by PARTUUID on a DOS disk": ["sdimg", PARTUUIDS((n) => `5b5b5b5b-0${n}`), "1+16 17+17 34+17 51+4"],
  "partitions by label": [
    "gptimg",
    { MENDER_FEATURES_ENABLE: "mender-grub mender-partlabel", MENDER_BOOT_PART_LABEL: "esp" },
    "1+16 17+17 34+17 51+4",
  ],
  "a squashfs as the root filesystem": ["sdimg", { ARTIFACTIMG_FSTYPE: "squashfs" }, "3+16 19+16 35+16 51+4"],
  "a copy in slot B": [
    "sdimg",
    { MENDER_FEATURES_ENABLE: "mender-uboot mender-prepopulate-inactive-partition" },
    "3+16 19+16 35+16 51+4",
  ],
};

type Disk = Awaited<ReturnType<YoctoBuild["disk"]>>;
const disks = new Map<string, Promise<Disk>>();
/** The disk of a case, for all tests of the case. */
function diskOf(title: string): Promise<Disk> {
  const [kind, build] = CASES[title] ?? ["sdimg", {}];
  const disk = disks.get(title) ?? yocto.disk(build, kind);
  disks.set(title, disk);
  return disk;
}

for (const [title, [kind, , layout]] of Object.entries(CASES)) {
  test(`${title}: sfdisk, e2fsck, fw_printenv and the inspection accept the disk`, async () => {
    const { image, rootfs, configuration, made } = await diskOf(title);
    expect(made.warnings).toEqual([]);
    const shown = made.partitions.map(({ start, size }) => `${start / MIB}+${size / MIB}`);
    expect(shown.join(" ")).toBe(layout);
    await agreesWithTools(image, kind, made.partitions);
    const at = (role: string) => {
      const found = made.partitions.find((partition) => partition.role === role);
      if (found === undefined) throw new Error(`no partition ${role}`);
      return found;
    };
    const system = readFileSync(rootfs);
    expect((await bytesOf(image, at("rootfsA").start, system.length)).equals(system)).toBe(true);
    const isCopied = title === "a copy in slot B";
    expect((await bytesOf(image, at("rootfsB").start, system.length)).equals(system)).toBe(isCopied);
    const { start, size } = at("data");
    const data = `${image}.data`;
    writeFileSync(data, await bytesOf(image, start, size));
    expect(await said("e2fsck", "-fn", data)).toMatch(/^data: \d+\/\d+ files/m);
    expect(await said("debugfs", "-R", "cat app/settings", data)).toBe("a=1\n");
    const environment = printedEnvironment(image, configuration);
    if (environment.size > 0) {
      expect(environment.get("mender_boot_part")).toBe(String(at("rootfsA").number));
      expect([environment.get("bootdelay"), environment.get("bootcmd")?.split(";")[0]]).toEqual([
        "0",
        "run mender_setup",
      ]);
    }
    const { findings, ok, deviceType, partitions } = await inspectImage(image, new AbortController().signal);
    expect(findings.filter(({ level }) => level === "wrong")).toEqual([]);
    expect([ok, deviceType]).toEqual([true, "test-board"]);
    const roleOf = (role: string) => partitions.find((partition) => partition.role === role)?.number;
    expect([roleOf("A"), roleOf("B"), roleOf("data")]).toEqual(
      ["rootfsA", "rootfsB", "data"].map((role) => at(role).number),
    );
    expect(await warningsOf(configuration)).toEqual([]);
  });
}

const privileged = needs("mount", "loop", "namespaces", "mknod");
let program: string;
beforeAll(async () => {
  program = (await BuiltProgram.build()).path;
});

/** What the doctor says of a small data partition and of a configuration without a key. */
const REMARKS = [
  "warning  free space: SIZE in /var/lib/mender",
  "         -> Remove files that are not needed from the data partition, or enlarge it.",
  "warning  ArtifactVerifyKeys: none: unsigned Artifacts are installed",
  "         -> Set ArtifactVerifyKeys to the public key of your signing key.",
];

for (const [title, [, build]] of Object.entries(CASES)) {
  privileged.test(`${title}: the doctor accepts the system that runs from the disk`, async () => {
    const { image, made } = await diskOf(title);
    const named = Object.entries(build).filter(([name]) => /^MENDER_(?:ROOTFS_PART_[AB]|DATA_PART)$/.test(name));
    const { status, remarks, verdict } = doctorOnDisk(
      {
        ...{ image, device: build["MENDER_STORAGE_DEVICE"] ?? "/dev/mmcblk0", partitions: made.partitions },
        links: Object.fromEntries(named.map(([, path], at) => [path.slice("/dev/".length), at + 2])),
      },
      program,
    );
    expect(remarks).toEqual(REMARKS);
    expect([status, verdict]).toEqual([0, expect.stringMatching(/^(?:19|20) ok, 2 warning, 0 wrong: /)]);
  });
}

privileged.test("the doctor names what would prevent updates: an environment at another place", async () => {
  const { image, rootfs, made } = await yocto.disk({}, "sdimg");
  const start = made.partitions.find(({ role }) => role === "rootfsA")?.start ?? 0;
  const elsewhere = yocto.path("elsewhere.config");
  writeFileSync(elsewhere, "/dev/mmcblk0 0x1800000 0x20000\n/dev/mmcblk0 0x1900000 0x20000\n");
  await said("debugfs", "-w", "-R", "rm /etc/fw_env.config", rootfs);
  await said("debugfs", "-w", "-R", `write ${elsewhere} /etc/fw_env.config`, rootfs);
  await said("dd", `if=${rootfs}`, `of=${image}`, "bs=1M", `seek=${start / MIB}`, "conv=notrunc", "status=none");
  const { status, remarks } = doctorOnDisk({ image, device: "/dev/mmcblk0", partitions: made.partitions }, program);
  expect([status, remarks[0]]).toEqual([1, expect.stringMatching(/^wrong +(?:copies of the )?boot environment/)]);
});

async function agreesWithTools(
  image: string,
  kind: string,
  ours: readonly { start: number; size: number; number: number }[],
) {
  const { partitiontable: listed } = JSON.parse(await said("sfdisk", "--json", image));
  expect(listed.label).toBe(kind === "sdimg" ? "dos" : "gpt");
  const theirs = listed.partitions.filter(({ type }: { type: string }) => type !== "5");
  expect(
    theirs.map(({ node, start, size }: Listed) => [Number(/\d+$/.exec(node)?.[0]), start * 512, size * 512]),
  ).toEqual(ours.map(({ number, start, size }) => [number, start, size]));
  if (kind === "gptimg") expect(await said("sgdisk", "-v", image)).toContain("No problems found.");
}

interface Listed {
  readonly node: string;
  readonly start: number;
  readonly size: number;
}

/** What the agent would say about its configuration. */
async function warningsOf(configuration: string): Promise<readonly string[]> {
  const logged: string[] = [];
  const files = {
    main: join(configuration, "rootfs/etc/mender/mender.conf"),
    fallback: join(configuration, "data/mender/mender.conf"),
  };
  await loadConfig({ ...files, mainRequired: true, fallbackRequired: false }, (level, message) => {
    if (level !== "debug") logged.push(`${level}: ${message}`);
  });
  return logged;
}

test("the boot loader in front of the partitions has its sector, and the boot partition its files", async () => {
  const build = { MENDER_IMAGE_BOOTLOADER_BOOTSECTOR_OFFSET: "66" };
  const { image, made } = await yocto.disk(build, "sdimg", ["--bootloader", yocto.path("u-boot.bin")]);
  expect((await bytesOf(image, 66 * 512, 7)).toString()).toBe("U-Boot ");
  const [boot] = made.partitions;
  expect(await said("mdir", "-b", "-/", "-i", `${image}@@${boot?.start}`, "::")).toContain("::/EFI/BOOT/bootx64.efi");
});

test("a disk that cannot start is made with a warning, and a script of the user stays", async () => {
  const { image: rootfs } = await yocto.rootfs(GRUB);
  const make = ["--kind", "gptimg", "--rootfs", rootfs, "--output", yocto.path("bare.img")];
  expect(await yocto.done("disk", GRUB, ...make)).toContain("WARNING: the boot partition has no EFI/BOOT/boot*.efi");
  expect(await yocto.done("disk", {}, ...make)).toContain(
    "WARNING: U-Boot's environment lacks the variables of the board",
  );
  const files = yocto.path("own-boot/EFI/BOOT");
  put(files, { "BOOTAA64.EFI": "MZ", "grub.cfg": "mine\n" });
  expect(await yocto.done("disk", GRUB, ...make, "--boot-files", yocto.path("own-boot"))).not.toContain("WARNING");
  expect(await said("mtype", "-i", `${yocto.path("bare.img")}@@${MIB}`, "::/EFI/BOOT/grub.cfg")).toBe("mine\n");
});
