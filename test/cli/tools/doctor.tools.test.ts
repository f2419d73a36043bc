import { spawnSync } from "node:child_process";
import { generateKeyPairSync } from "node:crypto";
import { chmodSync, mkdirSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { afterEach, beforeAll, beforeEach, expect } from "vitest";
import { ClientBoard } from "../../../scripts/lib/client-board.ts";
import { GrubBoard } from "../../adapters/bootloader/grub/grub-board.ts";
import { BuiltProgram } from "../../support/built-program.ts";
import { needs } from "../../support/needs.ts";

const { test } = needs("mount", "loop", "ext4", "namespaces", "bootLocks");

const SLOT_MIB = 16;
let built: BuiltProgram;
let board: ClientBoard;

beforeAll(async () => {
  built = await BuiltProgram.build();
});
beforeEach(() => {
  board = new ClientBoard(SLOT_MIB);
  must("mkfs.ext4", ["-q", join(board.dir, "data.img"), "32M"]);
  must("mount", ["-o", "loop", join(board.dir, "data.img"), join(board.dir, "data")]);
  writeFileSync(join(board.dir, "data/device_type"), "device_type=board-a\n");
  const { publicKey } = generateKeyPairSync("ec", { namedCurve: "prime256v1" });
  writeFileSync(join(board.dir, "data/key.pem"), publicKey.export({ type: "spki", format: "pem" }));
  writeFileSync(join(board.dir, "data/mender.conf"), '{"ArtifactVerifyKey": "/data/key.pem"}');
  const canary = ["mender_check_saveenv_canary=1", "mender_saveenv_canary=1"].map((line) => `${line}\n`).join("");
  must("fw_setenv", ["-c", config(), "-s", "-"], canary);
});
afterEach(() => {
  spawnSync("umount", [join(board.dir, "data")]);
  board.close();
});

const config = (): string => join(board.dir, "etc/fw_env.config");

function must(program: string, args: readonly string[], input = ""): void {
  const { status, stderr } = spawnSync(program, args, { input, encoding: "utf8" });
  expect([program, status, stderr.replace(/^mke2fs.*\n/, "")]).toEqual([program, 0, ""]);
}

/** Runs the doctor on a board that runs from slot A, and replaces the parts that differ from run to run with names. */
function doctor(...before: readonly string[]): { readonly exitCode: number; readonly lines: readonly string[] } {
  const run = board.run("A", [...before, process.execPath, built.path, "-d", "/data", "doctor"], {
    MENDER_DATA_DIR: "/data",
  });
  expect(run.stderr).toBe("");
  const text = run.stdout
    .replaceAll(board.slots.A, "SLOT_A")
    .replaceAll(board.slots.B, "SLOT_B")
    .replaceAll(board.dir, "BOARD")
    .replace(/\/dev\/loop[0-9]+/g, "DATA")
    .replace(/[0-9.]+ MiB in/, "SIZE in")
    .replace(/clock: 20.*Z/, "clock: TIME");
  return { exitCode: run.exitCode, lines: text.trim().split("\n") };
}

/** The problems, and the exit status. */
function complaints(...before: readonly string[]): readonly (string | number)[] {
  const { exitCode, lines } = doctor(...before);
  return [exitCode, ...lines.filter((line) => /^(?:wrong|warning|\s+->)/.test(line))];
}

test("a board of two devices with a redundant environment is all ok", () => {
  expect(doctor()).toEqual({
    exitCode: 0,
    lines: [
      "ok       configuration: /data/mender.conf, then /etc/mender/mender.conf",
      "ok       slot A: SLOT_A, block device, 16.0 MiB",
      "ok       slot B: SLOT_B, block device, 16.0 MiB",
      "ok       running slot: A, SLOT_A",
      "ok       room for an update: SLOT_B has 16.0 MiB",
      "ok       slot B is free: SLOT_B is not mounted",
      "ok       copies of the boot environment: both are valid",
      "ok       canary: the boot loader has set its mark",
      "ok       plan of the boot loader (uboot): the next start boots slot A, which runs now",
      "ok       data partition: DATA (ext4) on /data",
      "ok       datastore: /data can be written",
      "ok       free space: SIZE in /data",
      "ok       pending update: none",
      "ok       lock: free",
      "ok       clock: TIME",
      "ok       /data/device_type: board-a",
      "ok       /data/key.pem: ecdsa-p256",
      "ok       /etc/mender/scripts: no scripts",
      "ok       /data/scripts: no scripts",
      "ok       /data/modules/v3: no modules",
      "ok       permissions: no other user can change any of 8 files and folders",
      "ok       ServerURL: none: updates come from the command line",
      "22 ok, 0 warning, 0 wrong: an update can be installed and rolled back.",
    ],
  });
});

test("both copies of the environment bad", () => {
  for (const copy of ["env1", "env2"]) writeFileSync(join(board.dir, copy), Buffer.alloc(16 * 1024));
  expect(complaints()).toEqual([
    1,
    "wrong    copies of the boot environment: not valid: 1 and 2 of 2",
    "         -> Make fw_env.config name the place and size that U-Boot uses. If it does, let U-Boot write it again (`saveenv`).",
  ]);
});

test("one copy bad is mended by the next write, and a warning until then", () => {
  writeFileSync(join(board.dir, "env1"), Buffer.alloc(16 * 1024));
  const [exitCode, line] = complaints();
  expect([exitCode, line]).toEqual([0, "warning  copies of the boot environment: not valid: 1 of 2"]);
});

test("a slot that is too small", () => {
  truncateSync(join(board.dir, "B.img"), 1024 * 1024);
  must("losetup", ["--set-capacity", board.slots.B]);
  expect(complaints()).toEqual([
    1,
    expect.stringMatching(/^wrong {4}room for an update: SLOT_B has 1024 KiB, the running system takes [0-9]+ KiB$/),
    "         -> Repartition the disk with two slots of the same size: an image like the running one does not fit.",
  ]);
});

test("a slot that is mounted", () => {
  must("mkfs.ext4", ["-q", board.slots.B]);
  expect(complaints("sh", "-c", `mount -o ro ${board.slots.B} /project && exec "$@"`, "sh")).toEqual([
    1,
    "wrong    slot B is free: SLOT_B is mounted",
    "         -> Unmount it: umount SLOT_B",
  ]);
});

test("the data partition not mounted", () => {
  const found = [
    1,
    "wrong    data partition: not mounted: /data is on the root filesystem, which an update replaces",
    "         -> Mount the data partition before the agent starts (/etc/fstab), and keep /data on it.",
  ];
  expect(complaints("sh", "-c", 'umount /data && exec "$@"', "sh")).toEqual(found);
  const boundToItself = 'umount /data && mount --bind /data /data && exec "$@"';
  expect(complaints("sh", "-c", boundToItself, "sh")).toEqual(found);
});

test("a data partition in memory, and one that is read-only", () => {
  const inMemory = complaints("sh", "-c", 'mount -t tmpfs tmpfs /data && exec "$@"', "sh");
  expect(inMemory.slice(0, 2)).toEqual([
    1,
    "wrong    data partition: /data is on tmpfs (tmpfs) on /data, which loses its content without power",
  ]);
  expect(complaints("sh", "-c", 'mount -o remount,bind,ro /data && exec "$@"', "sh")).toEqual([
    1,
    "wrong    datastore: /data cannot be written",
    "         -> Run as root; if the filesystem is mounted read-only, check it (fsck) and mount it read-write.",
  ]);
});

test("a data partition that is mounted noexec, from which neither modules nor an Artifact's scripts can start", () => {
  expect(complaints("sh", "-c", 'mount -o remount,bind,noexec /data && exec "$@"', "sh")).toEqual([
    1,
    "wrong    /data: it is mounted noexec, so no state script, update module or payload in it can start",
    "         -> Mount it without noexec (/etc/fstab): mount -o remount,exec /data",
  ]);
});

test("an immutable flag and a mount block the replacement of files", () => {
  writeFileSync(join(board.dir, "data/switchback-store"), "");
  mkdirSync(join(board.dir, "data/switchback-server.new"));
  must("chattr", ["+i", join(board.dir, "data/switchback-store")]);
  const mounted = 'mount -t tmpfs tmpfs /data/switchback-server.new && exec "$@"';
  const lines = complaints("sh", "-c", mounted, "sh").filter((line) => String(line).includes("replaced nor removed"));
  must("chattr", ["-i", join(board.dir, "data/switchback-store")]);
  expect(lines).toEqual([
    expect.stringMatching(/^wrong {4}\/data\/switchback-store: it can be neither replaced nor removed/),
    expect.stringMatching(/^wrong {4}\/data\/switchback-server.new: it can be neither replaced nor removed/),
  ]);
});

test("a key and a folder of modules that belong to another user", () => {
  mkdirSync(join(board.dir, "data/modules/v3"), { recursive: true });
  for (const path of ["key.pem", "modules/v3"]) must("chown", ["4242", join(board.dir, "data", path)]);
  expect(complaints()).toEqual([
    0,
    "warning  /data/key.pem: it belongs to user 4242, who can change it",
    "         -> chown root /data/key.pem",
    "warning  /data/modules/v3: it belongs to user 4242, who can change it",
    "         -> chown root /data/modules/v3",
  ]);
});

test("a user without root learns that, and nothing that only follows from it", () => {
  chmodSync(dirname(built.path), 0o755);
  chmodSync(board.dir, 0o755);
  chmodSync(join(board.dir, "env1"), 0o600);
  chmodSync(join(board.dir, "data"), 0o700);
  expect(complaints("setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups")).toEqual([
    1,
    "wrong    user: 65534, who is not root: the checks below skip what only root may read or write",
    "         -> Run the doctor as root, like the agent.",
  ]);
});

/**
 * An overlay as the root, as on a board with a read-only system. Its upper layer is in memory and larger than the slot.
 */
const onOverlay = (rw: string) => `set -e
  mount -t tmpfs -o size=64m none ${rw}; mkdir ${rw}/upper ${rw}/work ${rw}/new
  mount -t overlay overlay -o "lowerdir=/,upperdir=${rw}/upper,workdir=${rw}/work" ${rw}/new
  for dir in usr dev proc sys tmp project etc; do mount --rbind "/$dir" "${rw}/new/$dir"; done
  mkdir ${rw}/new/lower; mount --rbind / ${rw}/new/lower
  exec chroot ${rw}/new "$@"`;

test("on a healthy overlay the room is that of the layer below", () => {
  const { lines } = doctor("sh", "-c", onOverlay("/data"), "sh");
  expect(lines.filter((line) => /room|running slot/.test(line))).toEqual([
    "ok       running slot: A, SLOT_A",
    "ok       room for an update: SLOT_B has 16.0 MiB",
  ]);
});

for (const { what, rw, found } of [
  {
    ...{ what: "whose mount is out of sight", rw: "/data" },
    found: "not mounted: /data is in the upper layer of the overlay on /, which may be in memory",
  },
  {
    ...{ what: "in memory", rw: "/dev/shm" },
    found: "/data is on none (tmpfs) on /dev/shm, which loses its content without power",
  },
])
  test(`without a data partition the agent's data are in the upper layer of an overlay ${what}, and not in what an update replaces`, () => {
    const { lines } = doctor("sh", "-c", `umount /data 2>/dev/null || :; ${onOverlay(rw)}`, "sh");
    expect(lines.find((line) => /data partition/.test(line))).toBe(`wrong    data partition: ${found}`);
  });

test("on a read-only data partition, 'show-artifact' and 'show-provides' still work", () => {
  for (const command of ["show-artifact", "show-provides"]) {
    const mounted = ["sh", "-c", 'mount -o remount,bind,ro /data && exec "$@"', "sh"];
    const argv = [...mounted, process.execPath, built.path, "-d", "/data", command];
    const { exitCode, stdout, stderr } = board.run("A", argv);
    expect([exitCode, stdout, stderr]).toEqual([0, expect.stringMatching(/^(?:artifact_name=)?release-0\n$/), ""]);
  }
});

test("the clock in 1970", () => {
  const [exitCode, line] = complaints("faketime", "-f", "1970-01-01 00:00:42", "env", "FAKETIME_DONT_FAKE_MONOTONIC=1");
  expect(exitCode).toBe(1);
  expect(line).toMatch(/^wrong {4}clock: 1970-01-01T00:00:4.*Z, before this program was built /);
});

test("a state script without its run bit", () => {
  const scripts = join(board.dir, "etc/mender/scripts");
  rmSync(scripts, { recursive: true, force: true });
  mkdirSync(scripts);
  writeFileSync(join(scripts, "version"), "3");
  writeFileSync(join(scripts, "Download_Enter_00"), "#!/bin/sh\n");
  expect(complaints()).toEqual([
    1,
    "wrong    /etc/mender/scripts/Download_Enter_00: never runs: it is not executable (chmod +x)",
    "         -> To see what each script needs: switchback state-scripts check /etc/mender/scripts --for rootfs",
  ]);
});

test("through U-Boot's tools a single copy is a warning, and an environment that they cannot read is wrong", () => {
  board.configure({ Switchback: { BootEnv: "tools" } });
  expect(complaints()).toEqual([0]);
  writeFileSync(config(), `${board.dir}/env1 0x0 0x4000\n`);
  must("mkenvimage", ["-s", "0x4000", "-o", join(board.dir, "env1"), "-"], SINGLE(board.partition("A")));
  expect(complaints().slice(0, 2)).toEqual([
    0,
    "warning  copies of the boot environment: one, according to /etc/fw_env.config: a power cut during a write can destroy it",
  ]);
  writeFileSync(join(board.dir, "env1"), Buffer.alloc(16 * 1024));
  const [exitCode, line] = complaints();
  expect([exitCode, line]).toEqual([1, expect.stringMatching(/^wrong {4}boot: BOOTENV_DAMAGED: /)]);
});

test("on GRUB both copies and their locks are looked at, and no canary is missed", () => {
  const folder = join(board.dir, "grub");
  const grub = new GrubBoard(folder, { A: board.partition("A"), B: board.partition("B") });
  writeFileSync(join(board.dir, "etc/mender_grubenv.config"), `ENV_DIR = ${folder}\n`);
  board.configure({ Switchback: { Bootloader: "grub" } });
  const { exitCode, lines } = doctor();
  expect(exitCode).toBe(0);
  expect(lines.slice(6, 8)).toEqual([
    "ok       copies of the boot environment: both are valid and identical",
    "ok       plan of the boot loader (grub): the next start boots slot A, which runs now",
  ]);
  for (const copy of [1, 2] as const) writeFileSync(grub.path(copy, "lock"), "");
  expect(complaints()).toEqual([
    1,
    "wrong    copies of the boot environment: copy 1: its lock is open; copy 2: its lock is open",
    "         -> Restore both folders on the boot partition as the build of the image made them.",
  ]);
});

const SINGLE = (part: number): string =>
  [
    `mender_boot_part=${part}`,
    "upgrade_available=0",
    "mender_check_saveenv_canary=1",
    "mender_saveenv_canary=1",
    "",
  ].join("\n");
