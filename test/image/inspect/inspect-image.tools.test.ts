import { execFileSync } from "node:child_process";
import { mkdir, mkdtemp, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { inspectImage } from "../../../image/inspect/inspect-image.ts";
import type { ImageReport } from "../../../image/inspect/report.ts";
import { VERSION } from "../../../src/version.ts";
import { BuiltProgram } from "../../support/built-program.ts";
import {
  dataPartition,
  environmentBytes,
  grubDisk,
  PUBLIC_KEY,
  systemdBootDisk,
  trybootDisk,
  uBootDisk,
} from "./board-images.ts";
import { type FixtureDisk, writeDisk, writeFileSystem } from "./disk-fixture.ts";

const signal = new AbortController().signal;

let folder: string;
let dist: string;
let environment: Buffer;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "switchback-inspect-test-"));
  dist = join(folder, "dist");
  await mkdir(join(dist, "chunks"), { recursive: true });
  await writeFile(join(dist, "switchback.mjs"), "#!/usr/bin/env node\n");
  await writeFile(join(dist, "chunks", "start-0.mjs"), `var a="x",b="${VERSION}";`);
  environment = environmentBytes(folder);
});
afterAll(() => rm(folder, { recursive: true }));

let made = 0;
async function image(disk: FixtureDisk): Promise<string> {
  const path = join(folder, `disk-${made++}.img`);
  await writeDisk(path, disk);
  return path;
}

const inspected = async (disk: FixtureDisk): Promise<ImageReport> => await inspectImage(await image(disk), signal);

/** What is not in order, as one line for each finding. */
const problems = ({ findings }: ImageReport): readonly string[] =>
  findings.flatMap(({ level, subject, found }) => (level === "ok" ? [] : [`${level} ${subject}: ${found}`]));

test("a board with U-Boot is explained, and nothing is wrong with it", async () => {
  const { folder: real } = await BuiltProgram.build();
  const path = await image(uBootDisk(real, environment));
  const report = await inspectImage(path, signal);
  expect(problems(report)).toEqual([]);
  expect(report).toMatchObject({
    ok: true,
    kind: "disk",
    table: { label: "dos", id: "0x5b5b5b5b", sectorSize: 512 },
    partitions: [{ role: "boot" }, { role: "A" }, { role: "B" }, { role: "data" }],
    systems: [
      {
        partition: 2,
        os: "Test Linux 1",
        artifactName: "release-1",
        agents: [
          {
            name: "switchback",
            path: "/usr/lib/switchback/switchback.mjs",
            version: VERSION,
            unit: "switchback.service",
          },
        ],
        node: { path: "/usr/bin/node", version: "20.19.2+dfsg-1" },
      },
    ],
    bootloader: {
      kind: "uboot",
      boots: { slot: "A", partition: 2, trial: false },
      environment: {
        copies: [
          { place: "/dev/mmcblk0 0x800000", valid: true },
          { place: "/dev/mmcblk0 0x1000000", valid: true },
        ],
        variables: { mender_boot_part: "2", bootlimit: "1" },
      },
    },
    deviceType: "test-board",
    artifact: { name: "release-1", from: "/etc/mender/artifact_info" },
  });
});

test("type, label, UUID, size and use of file systems are those that the system's tools report", async () => {
  for (const [fs, mib] of [
    ["ext4", 16],
    ["vfat", 8],
    ["vfat", 40],
    ["swap", 8],
  ] as const) {
    const path = join(folder, `fs-${fs}-${mib}`);
    writeFileSystem(path, { mib, fs, label: "SOME", files: { "a/file": Buffer.alloc(300_000, 1) } });
    const [found] = (await inspectImage(path, signal)).partitions;
    const blkid = Object.fromEntries(
      execFileSync("blkid", ["-p", "-o", "export", path], { encoding: "utf8" })
        .split("\n")
        .map((line) => line.split("=") as [string, string]),
    );
    expect(found?.fileSystem, fs).toMatchObject({ type: blkid["TYPE"], label: blkid["LABEL"], uuid: blkid["UUID"] });
    if (fs === "ext4") {
      const facts = execFileSync("dumpe2fs", ["-h", path], { encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] });
      const number = (name: string): number => Number(new RegExp(`^${name}: +(\\d+)$`, "m").exec(facts)?.[1]);
      const [count, free, size] = [number("Block count"), number("Free blocks"), number("Block size")];
      expect(found?.fileSystem).toMatchObject({ size: count * size, used: (count - free) * size, clean: true });
    }
    if (fs === "vfat") {
      const free = Number(
        /(\d[\d ]*) bytes free/
          .exec(execFileSync("mdir", ["-i", path, "::"], { encoding: "utf8" }))?.[1]
          ?.replaceAll(" ", ""),
      );
      const { size = 0, used = 0 } = found?.fileSystem ?? {};
      expect(size - used).toBe(free);
    }
  }
});

test("a board with GRUB and squashfs is explained", async () => {
  const report = await inspected(grubDisk(dist, folder));
  expect(problems(report)).toEqual([]);
  expect(report.bootloader).toMatchObject({ kind: "grub", boots: { slot: "A", partition: 2, trial: false } });
  expect(report.bootloader?.environment?.copies.map(({ valid }) => valid)).toEqual([true, true]);
  expect(report.systems).toMatchObject([{ os: "Test Linux 1", agents: [{ version: VERSION }] }]);
});

test("autoboot.txt and cmdline.txt of a Raspberry Pi say which slot boots", async () => {
  const report = await inspected(trybootDisk(dist));
  expect(problems(report)).toEqual([]);
  expect(report.bootloader).toEqual({ kind: "rpi-tryboot", boots: { slot: "B", partition: 5, trial: false } });
  expect(report.partitions.map(({ role }) => role)).toEqual(["boot", "boot", "boot", "A", "B", "data"]);
  expect(problems(await inspected(trybootDisk(dist, "# switchback: trial armed in boot x\n")))).toEqual([
    "wrong boot loader (tryboot): slot B is on trial, so no update can be installed",
  ]);
});

test("the entry with the highest generation and attempts left is the one that systemd-boot boots", async () => {
  const entry = (root: string): string => `title x\noptions root=${root} quiet\n`;
  const report = await inspected(
    systemdBootDisk(dist, {
      "loader/entries/switchback-1-a.conf": entry("/dev/vda2"),
      "loader/entries/switchback-3-a+0-3.conf": entry("/dev/vda2"),
      "loader/entries/switchback-2-b.conf": entry("/dev/vda3"),
      "loader/entries/other.conf": entry("/dev/vda2"),
    }),
  );
  expect(report.bootloader).toEqual({ kind: "systemd-boot", boots: { slot: "B", partition: 3, trial: false } });
  expect(problems(report)).toEqual([
    "warning boot loader (systemd-boot): it boots partition 3, which has no root filesystem that can be read",
  ]);
});

const torn = (bytes: Buffer): Buffer => Buffer.concat([bytes.subarray(0, 40), Buffer.from([1]), bytes.subarray(41)]);

const PROBLEMS: Readonly<Record<string, readonly [() => FixtureDisk, readonly string[]]>> = {
  "one copy of the environment is torn": [
    () => ({
      ...uBootDisk(dist, environment),
      raw: [
        [0x800000, environment],
        [0x1000000, torn(environment)],
      ],
    }),
    ["warning boot environment: one of two copies is not valid: /dev/mmcblk0 0x1000000"],
  ],
  "no environment": [
    () => ({ ...uBootDisk(dist, environment), raw: [] }),
    [
      "wrong boot environment: no copy is valid: /dev/mmcblk0 0x800000; /dev/mmcblk0 0x1000000",
      "wrong boot loader (U-Boot): it does not say which slot it boots",
    ],
  ],
  "slots of different sizes, fstab and mender.conf that name partitions which do not exist": [
    () => {
      const disk = uBootDisk(dist, environment, {
        "etc/fstab": "/dev/mmcblk0p4 /data ext4\nUUID=1234 /opt ext4\n/dev/mmcblk0p2 / ext4\n",
        "etc/mender/mender.conf": JSON.stringify({
          ...{ RootfsPartA: "/dev/mmcblk0p2", RootfsPartB: "/dev/mmcblk0p4", ArtifactVerifyKeys: ["/etc/key.pem"] },
        }),
      });
      return disk;
    },
    [
      "wrong two slots: partitions 2 and 4 have different sizes: 16 MiB and 8 MiB",
      "wrong /etc/fstab: UUID=1234 is mounted on /opt, and is no partition of the image",
      "wrong /etc/fstab: /dev/mmcblk0p2 is mounted on /, which is right for one slot only",
      "wrong verification key: /etc/key.pem is missing, so the device refuses every Artifact",
    ],
  ],
  "slots that no partition fits": [
    () =>
      uBootDisk(dist, environment, {
        "etc/mender/mender.conf": JSON.stringify({ RootfsPartA: "/dev/mmcblk0p2", RootfsPartB: "/dev/mmcblk0p9" }),
      }),
    [
      "wrong two slots: mender.conf names /dev/mmcblk0p9 as slot B, and no partition of the image fits",
      "warning verification key: none: the device installs Artifacts of everybody",
    ],
  ],
  "what belongs to one device": [
    () =>
      uBootDisk(
        dist,
        environment,
        {
          "etc/machine-id": "0123456789abcdef0123456789abcdef\n",
          "etc/ssh/ssh_host_rsa_key": "x",
          "etc/mender/artifact-verify-key.pem": PUBLIC_KEY.replaceAll("PUBLIC", "PRIVATE"),
        },
        dataPartition(8, { "mender/mender-agent.pem": "x" }),
      ),
    [
      "wrong verification key: /etc/mender/artifact-verify-key.pem is a private key",
      "wrong device key: /var/lib/mender/mender-agent.pem is in the image, so all devices have the same identity",
      "warning machine-id: /etc/machine-id is set, so all devices have the same one",
      "warning SSH host keys: /etc/ssh has ssh_host_rsa_key, the same for all devices",
    ],
  ],
  "a configuration that is no JSON, and data on the root file system": [
    () =>
      uBootDisk(dist, environment, {
        "etc/mender/mender.conf": "{",
        "etc/fstab": "",
        "var/lib/mender": "",
        "etc/systemd/system/multi-user.target.wants/switchback.service": "",
        "var/lib/dpkg/status": "Package: nodejs\nStatus: install ok installed\nVersion: 18.20.4\n",
        "usr/bin/mender-update": "ELF",
      }),
    [
      "wrong slots in mender.conf: RootfsPartA or RootfsPartB is missing",
      "wrong data partition: /var/lib/mender is on the root filesystem, which an update replaces",
      "wrong second agent: there is also Mender client, /usr/bin/mender-update",
      "wrong Node: 18.20.4, /usr/bin/node, which is too old",
      "wrong configuration: /etc/mender/mender.conf is no JSON object",
      "warning verification key: none: the device installs Artifacts of everybody",
    ],
  ],
};

for (const [name, [disk, expected]] of Object.entries(PROBLEMS)) {
  test(`found with a remedy: ${name}`, async () => {
    const report = await inspected(disk());
    expect(problems(report)).toEqual(expected);
    expect(report.ok).toBe(!expected.some((line) => line.startsWith("wrong")));
    for (const { level, advice } of report.findings) expect(advice === undefined).toBe(level === "ok");
  });
}

test("damage in one file system is a finding, and the rest is still explained", async () => {
  const path = await image(uBootDisk(dist, environment));
  // The inode table of slot A.
  const bytes = await readFile(path);
  bytes.fill(0xff, (24 + 8) * 1024 * 1024 + 4096, (24 + 8) * 1024 * 1024 + 1024 * 1024);
  await writeFile(path, bytes);
  const report = await inspectImage(path, signal);
  expect(problems(report)[0]).toContain("wrong file system of partition 2: cannot be read: IMAGE_TOOL_FAILED");
  expect(report.bootloader?.boots).toEqual({ slot: "A", partition: 2, trial: false });
});

test("compressed images give the same report, and leave no temporary file", async () => {
  const path = await image(uBootDisk(dist, environment));
  const plain = await inspectImage(path, signal);
  for (const [program, suffix, compression] of [
    ["gzip", "gz", "gzip"],
    ["xz", "xz", "xz"],
    ["zstd", "zst", "zstd"],
  ] as const) {
    execFileSync(program, ["-1", "-k", "-q", path]);
    let bytes = 0;
    const report = await inspectImage(`${path}.${suffix}`, signal, (count) => {
      bytes += count;
    });
    expect(report).toEqual({ ...plain, path: `${path}.${suffix}`, compression });
    expect(bytes).toBe((await stat(path)).size);
  }
  const half = (await readFile(`${path}.gz`)).subarray(0, 10_000);
  await writeFile(`${path}.half`, half);
  await expect(inspectImage(`${path}.half`, signal)).rejects.toMatchObject({ code: "IMAGE_COMPRESSED" });
});

test("the image of one file system has neither slots nor boot loader among its findings", async () => {
  const path = join(folder, "rootfs.ext4");
  const disk = uBootDisk(dist, environment);
  writeFileSystem(path, disk.partitions[1] ?? { mib: 16 });
  const report = await inspectImage(path, signal);
  expect(problems(report)).toEqual([]);
  expect(report).toMatchObject({ kind: "file system", ok: true, systems: [{ partition: 0 }] });
  expect(report.bootloader).toBeUndefined();
});

test("other files are refused by their names", async () => {
  const refused = async (bytes: Buffer): Promise<unknown> => {
    const path = join(folder, "other");
    await writeFile(path, bytes);
    return await inspectImage(path, signal).catch((error: unknown) => error);
  };
  expect(await refused(Buffer.alloc(1024 * 1024))).toMatchObject({ code: "IMAGE_KIND" });
  expect(await refused(Buffer.from("PK\x03\x04xx"))).toMatchObject({
    code: "IMAGE_KIND",
    detail: { found: "zip archive" },
  });
  const tar = execFileSync("sh", ["-c", "cd $0 && echo 1 >version && tar -H ustar -c version", folder]);
  expect(await refused(tar)).toMatchObject({ code: "IMAGE_IS_ARTIFACT" });
  await expect(inspectImage(folder, signal)).rejects.toMatchObject({ code: "IMAGE_UNREADABLE" });
});
