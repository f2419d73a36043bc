import { spawnSync } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect } from "vitest";
import { BENCH_DEVICE_TYPE, ClientBoard, makeImage } from "../../../scripts/lib/client-board.ts";
import { needs } from "../../support/needs.ts";

const { test } = needs("mount", "loop", "ext4", "namespaces", "bootLocks");

const IMAGE_MIB = 12;
const MIB = 1024 * 1024;
/** Not a multiple of the frame, page or sector size. */
const ODD_BYTES = 3 * MIB + 777;

const REAL = ["mender", "-c", "/etc/mender/mender.conf", "-d", "/data"];
const OURS = ["node", "/project/dist/switchback.mjs", "-d", "/data"];
type Client = typeof REAL;

let dir: string;
let board: ClientBoard;

beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), "switchback-interop-"));
  const stage = join(dir, "stage");
  mkdirSync(stage);
  cpSync("node_modules/zod/v4", join(stage, "files"), { recursive: true });
  makeImage(join(dir, "image.ext4"), IMAGE_MIB, stage);
  writeFileSync(join(dir, "odd.img"), Buffer.alloc(ODD_BYTES, "switchback"));
  writeFileSync(join(dir, "before.img"), Buffer.alloc(IMAGE_MIB * MIB, "what was there before"));
  board = new ClientBoard(IMAGE_MIB + 4);
});

afterAll(() => {
  board.close();
  rmSync(dir, { recursive: true, force: true });
});

/** An Artifact of the real tool, in a place that both clients can read. */
function artifact(name: string, image: string, options: readonly string[] = []): string {
  const path = join(dir, `${name}.mender`);
  const args = ["-t", BENCH_DEVICE_TYPE, "-n", name, "-f", join(dir, image), "-o", path, "--no-progress", ...options];
  const done = spawnSync("mender-artifact", ["write", "rootfs-image", ...args], { encoding: "utf8" });
  expect(done.status, done.stderr).toBe(0);
  return path;
}

interface Left {
  readonly slot: string;
  readonly environment: readonly string[];
  readonly provides: string;
}

/** Every byte of slot B, every variable and every provide after a sequence of commands. */
function leftBy(client: Client, steps: readonly (readonly ["A" | "B", number, ...string[]])[]): Left {
  board.resetEnvironment();
  board.fillSlotB(join(dir, "before.img"));
  let booted: "A" | "B" = "A";
  for (const [slot, exitCode, ...args] of steps) {
    booted = slot;
    const run = board.run(slot, [...client, ...args]);
    expect(run.exitCode, `${args.join(" ")}: ${run.stdout}${run.stderr}`).toBe(exitCode);
  }
  const provides = board.run(booted, [...client, "show-provides"]).stdout;
  return { slot: board.slotDigest((IMAGE_MIB + 4) * MIB), environment: board.environment(), provides };
}

/**
 * What a device reports that has never been updated. The 3.4 client reads `artifact_info` each time and
 * records nothing; the newest one, and ours, record a name at the first start.
 */
const NEVER_UPDATED = { ours: "artifact_name=release-0\n", real: "" };

function expectUntouched(steps: Parameters<typeof leftBy>[1]): void {
  const ours = leftBy(OURS, steps);
  expect(ours.provides).toBe(NEVER_UPDATED.ours);
  expect({ ...ours, provides: NEVER_UPDATED.real }).toEqual(leftBy(REAL, steps));
  expect(ours.environment).toEqual(["bootcount=0", "bootlimit=1", ...boots("A"), "upgrade_available=0"]);
}

const boots = (slot: "A" | "B"): string[] => [
  `mender_boot_part=${board.partition(slot)}`,
  `mender_boot_part_hex=${board.partition(slot).toString(16).toUpperCase()}`,
];

test("an update that is committed leaves the same slot, environment and provides as the real client", () => {
  const release = artifact("release-1", "image.ext4", ["--compression", "gzip", "--provides", "site:north"]);
  const steps = [
    ["A", 0, "install", release],
    ["B", 0, "commit"],
  ] as const;
  const ours = leftBy(OURS, steps);
  expect(ours).toEqual(leftBy(REAL, steps));
  expect(ours.environment).toEqual(["bootcount=0", "bootlimit=1", ...boots("B"), "upgrade_available=0"]);
  expect(ours.provides).toContain("artifact_name=release-1\n");
  expect(ours.provides).toContain("site=north\n");
});

for (const access of ["native", "tools"]) {
  test(`each can continue from the boot environment that the other has left, with BootEnv "${access}"`, () => {
    board.configure({ Switchback: { BootEnv: access } });
    const release = artifact(`handed-on-${access}`, "image.ext4");
    board.resetEnvironment();
    expect(board.run("A", [...OURS, "install", release]).exitCode).toBe(0);
    const afterOurs = board.environment();
    board.resetEnvironment();
    expect(board.run("A", [...REAL, "install", release]).exitCode).toBe(0);
    expect(afterOurs).toEqual(board.environment());
    expect(board.run("A", [...REAL, "rollback"]).exitCode).toBe(0);
    expect(board.run("A", [...OURS, "install", release]).exitCode).toBe(0);
    expect(board.run("B", [...OURS, "commit"]).exitCode).toBe(0);
    expect(board.environment()).toEqual(["bootcount=0", "bootlimit=1", ...boots("B"), "upgrade_available=0"]);
    board.configure({});
  });
}

for (const compression of ["none", "gzip", "lzma"]) {
  test(`an image of odd size in an Artifact with compression ${compression} lands byte for byte, and nothing after it changes`, () => {
    const release = artifact(`odd-${compression}`, "odd.img", ["--compression", compression]);
    const steps = [["A", 0, "install", release]] as const;
    const ours = leftBy(OURS, steps);
    expect(ours).toEqual({ ...leftBy(REAL, steps), provides: ours.provides });
    expect(ours.environment).toEqual(["bootcount=0", "bootlimit=1", ...boots("B"), "upgrade_available=1"]);
  });
}

test("install asks for a reboot with exit status 4 if requested, as the real client does", () => {
  const release = artifact("release-2", "image.ext4");
  const steps = [["A", 4, "install", "--reboot-exit-code", release]] as const;
  expect(leftBy(OURS, steps).environment).toEqual(leftBy(REAL, steps).environment);
});

test("a rollback before the reboot leaves what the real client leaves", () => {
  const release = artifact("release-3", "image.ext4");
  const steps = [
    ["A", 0, "install", release],
    ["A", 0, "rollback"],
  ] as const;
  expectUntouched(steps);
});

test("a rollback after the reboot leaves what the real client leaves", () => {
  const release = artifact("release-4", "image.ext4");
  const steps = [
    ["A", 0, "install", release],
    ["B", 0, "rollback"],
  ] as const;
  expectUntouched(steps);
});

test("commit and rollback with nothing in progress exit with 2, as the real client does", () => {
  for (const client of [OURS, REAL]) {
    board.resetEnvironment();
    expect(board.run("A", [...client, "commit"]).exitCode).toBe(2);
    expect(board.run("A", [...client, "rollback"]).exitCode).toBe(2);
  }
});

test("provides and groups of two updates in a row add up as in the real client", () => {
  const first = artifact("first", "image.ext4", ["--provides", "kept:1", "--provides-group", "alpha"]);
  const second = artifact("second", "image.ext4", [
    "--provides",
    "fresh:2",
    "--no-default-clears-provides",
    "--clears-provides",
    "rootfs-image.c*",
  ]);
  const steps = [
    ["A", 0, "install", first],
    ["B", 0, "commit"],
    ["B", 0, "install", second],
    ["A", 0, "commit"],
  ] as const;
  const ours = leftBy(OURS, steps);
  expect(ours).toEqual(leftBy(REAL, steps));
  expect(ours.provides.split("\n")).toEqual(
    expect.arrayContaining(["artifact_group=alpha", "artifact_name=second", "fresh=2", "kept=1"]),
  );
});

test("an Artifact for another type of device is refused by both, and nothing is changed", () => {
  const path = join(dir, "foreign.mender");
  const options = ["-t", "another-board", "-n", "foreign", "-f", join(dir, "odd.img"), "-o", path, "--no-progress"];
  expect(spawnSync("mender-artifact", ["write", "rootfs-image", ...options]).status).toBe(0);
  expectUntouched([["A", 1, "install", path]]);
});

test("an Artifact that the configured key has not signed is refused by both, and nothing is changed", () => {
  const key = join(dir, "key.pem");
  const other = join(dir, "other.pem");
  for (const path of [key, other]) {
    expect(spawnSync("openssl", ["ecparam", "-genkey", "-name", "prime256v1", "-noout", "-out", path]).status).toBe(0);
    expect(spawnSync("openssl", ["ec", "-in", path, "-pubout", "-out", `${path}.pub`]).status).toBe(0);
  }
  const release = artifact("signed", "odd.img", ["-k", key]);
  const wrong = [["A", 1, "install", release]] as const;
  const right = [["A", 0, "install", release]] as const;
  board.configure({ ArtifactVerifyKey: `${other}.pub` });
  expectUntouched(wrong);
  board.configure({ ArtifactVerifyKey: `${key}.pub` });
  expect(leftBy(OURS, right).slot).toBe(leftBy(REAL, right).slot);
  board.configure({});
});

/** A command on a board whose boot environment is read-only. */
function withoutWriting(argv: readonly string[]): readonly string[] {
  const copies = ["env1", "env2"].map((name) => join(board.dir, name));
  const readOnly = copies.map((copy) => `mount --bind ${copy} ${copy} && mount -o remount,ro,bind ${copy}`);
  return ["bash", "-c", [...readOnly, 'exec "$@"'].join(" && "), "bash", ...argv];
}

test("a boot environment that cannot be written: the real client writes the image first, ours does not", () => {
  const release = artifact("release-ro", "image.ext4");
  const before = (): string => {
    board.resetEnvironment();
    board.fillSlotB(join(dir, "before.img"));
    return board.slotDigest(IMAGE_MIB * MIB);
  };
  for (const [client, isWritten] of [
    [REAL, true],
    [OURS, false],
  ] as const) {
    const untouched = before();
    expect(board.run("A", withoutWriting([...client, "install", release])).exitCode).not.toBe(0);
    expect(board.slotDigest(IMAGE_MIB * MIB) !== untouched).toBe(isWritten);
    expect(board.run("A", [...client, "show-artifact"]).stdout).toBe("release-0\n");
  }
});

test("a rollback that cannot write the boot environment leaves the trial armed, and a later one undoes it", () => {
  const release = artifact("release-undo", "image.ext4");
  for (const client of [REAL, OURS]) {
    board.resetEnvironment();
    expect(board.run("A", [...client, "install", release]).exitCode).toBe(0);
    expect(board.run("A", withoutWriting([...client, "rollback"])).exitCode).not.toBe(0);
    expect(board.environment()).toContain("upgrade_available=1");
    expect(board.run("A", [...client, "show-artifact"]).stdout).toBe("release-undo_INCONSISTENT\n");
    board.run("A", [...client, "rollback"]);
    expect(board.environment()).toEqual(["bootcount=0", "bootlimit=1", ...boots("A"), "upgrade_available=0"]);
  }
});
