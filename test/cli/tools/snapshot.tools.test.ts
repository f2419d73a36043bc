import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { once } from "node:events";
import { mkdirSync, mkdtempSync, openSync, readFileSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { gunzipSync } from "node:zlib";
import { afterEach, beforeAll, beforeEach, expect } from "vitest";
import { BuiltProgram } from "../../support/built-program.ts";
import { needs } from "../../support/needs.ts";

const { test } = needs("mount", "loop", "ext4");

const MIB = 1024 * 1024;
const SIZE_MIB = 24;

let program: BuiltProgram;
beforeAll(async () => {
  program = await BuiltProgram.build();
});

let dir: string;
let folder: string;
let device: string;
let started: ChildProcess[];
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), "switchback-snapshot-"));
  folder = join(dir, "mounted");
  started = [];
  mkdirSync(folder);
  writeFileSync(join(dir, "disk"), "");
  truncateSync(join(dir, "disk"), SIZE_MIB * MIB);
  must("mkfs.ext4", "-q", join(dir, "disk"));
  device = must("losetup", "--find", "--show", join(dir, "disk")).trim();
  must("mount", device, folder);
  writeFileSync(join(folder, "content"), Buffer.alloc(4 * MIB, "content"));
});
afterEach(() => {
  for (const child of started) child.kill("SIGKILL");
  spawnSync("fsfreeze", ["--unfreeze", folder]);
  spawnSync("umount", ["--lazy", folder]);
  spawnSync("losetup", ["--detach", device]);
  rmSync(dir, { recursive: true, force: true });
});

function must(command: string, ...args: readonly string[]): string {
  const done = spawnSync(command, args, { encoding: "utf8", maxBuffer: SIZE_MIB * MIB });
  expect(done.status, `${command} ${args.join(" ")}: ${done.stderr}`).toBe(0);
  return done.stdout;
}

interface Running {
  readonly child: ChildProcess;
  readonly ended: Promise<{ readonly exitCode: number | null; readonly err: string }>;
}

/** @param stdout destination of the image; default: a pipe without a reader */
function start(argv: readonly string[], stdout: number | "pipe" = "pipe", stderr: number | "pipe" = "pipe"): Running {
  const data = join(dir, "data");
  const args = [program.path, "-d", data, "snapshot", "dump", ...argv];
  const child = spawn(process.execPath, args, { detached: true, stdio: ["ignore", stdout, stderr] });
  started.push(child);
  let err = "";
  child.stderr?.setEncoding("utf8").on("data", (text: string) => {
    err += text;
  });
  const ended = new Promise<{ exitCode: number | null; err: string }>((resolve) =>
    child.once(stdout === "pipe" ? "exit" : "close", (exitCode) => resolve({ exitCode, err })),
  );
  return { child, ended };
}

async function dumped(...argv: readonly string[]): Promise<Buffer> {
  const path = join(dir, "image");
  const { exitCode, err } = await start(argv, openSync(path, "w")).ended;
  expect([exitCode, err.replaceAll(/^info: .*\n/gm, "")]).toEqual([0, ""]);
  return readFileSync(path);
}

/** Tells whether a program can write to the filesystem within this time. */
async function isWritable(withinMs: number): Promise<boolean> {
  const touch = spawn("touch", [join(folder, "written")]);
  const ended = new Promise<boolean>((resolve) => touch.once("exit", (status) => resolve(status === 0)));
  return await Promise.race([ended, sleep(withinMs, false)]);
}

/** A copy that waits for its reader. */
async function frozen(): Promise<Running> {
  const running = start(["--source", folder]);
  // Nothing is read of the device before.
  await once(running.child.stdout ?? running.child, "readable");
  return running;
}

const sha256 = (bytes: Uint8Array): string => createHash("sha256").update(bytes).digest("hex");

test("an image of a filesystem in use is complete and shows one instant", async () => {
  const writing = spawn("sh", [
    "-c",
    'i=0; while :; do i=$((i+1)); echo $i >"$1/n$((i%50))"; sync "$1"; done',
    "sh",
    folder,
  ]);
  started.push(writing);
  await dumped("--source", folder);
  writing.kill("SIGKILL");
  must("e2fsck", "-fn", join(dir, "image"));
  expect(must("dumpe2fs", "-h", join(dir, "image"))).not.toContain("needs_recovery");
  expect(must("debugfs", "-R", "cat /content", join(dir, "image"))).toBe("content".repeat(MIB).slice(0, 4 * MIB));
  expect(await isWritable(10_000)).toBe(true);
});

test("changes since the last copy are in the next one, whatever the cache holds of the device", async () => {
  const first = await dumped("--source", folder);
  must("dd", `if=${device}`, "of=/dev/null", "bs=1M", "status=none");
  writeFileSync(join(folder, "content"), Buffer.alloc(4 * MIB, "changed"));
  expect(sha256(await dumped("--source", device))).not.toBe(sha256(first));
  expect(must("debugfs", "-R", "cat /content", join(dir, "image"))).toBe("changed".repeat(MIB).slice(0, 4 * MIB));
});

test("nothing can write during the copy, and everything can afterwards", async () => {
  const { child, ended } = await frozen();
  expect(await isWritable(500)).toBe(false);
  child.stdout?.resume();
  expect((await ended).exitCode).toBe(0);
  expect(await isWritable(10_000)).toBe(true);
});

const guardOf = (child: ChildProcess): number => Number(must("pgrep", "-P", String(child.pid), "-x", "sh"));
const ENDS: readonly (readonly [string, (child: ChildProcess) => void, number | null, string])[] = [
  ["SIGTERM", (child) => child.kill("SIGTERM"), 1, "CANCELLED"],
  ["SIGINT", (child) => child.kill("SIGINT"), 1, "CANCELLED"],
  ["SIGKILL", (child) => child.kill("SIGKILL"), null, ""],
  [
    "SIGKILL of all that was started from there",
    (child) => process.kill(-(child.pid ?? Number.NaN), "SIGKILL"),
    null,
    "",
  ],
  ["SIGKILL of the process that keeps it frozen", (child) => process.kill(guardOf(child), "SIGKILL"), 1, "FREEZE_LOST"],
  ["a reader that goes away", (child) => child.stdout?.destroy(), 1, "DUMP_BROKEN"],
  [
    "somebody who thaws it",
    (child) => must("fsfreeze", "--unfreeze", folder) + child.stdout?.resume(),
    1,
    "FREEZE_LOST",
  ],
];
for (const [what, happens, exitCode, code] of ENDS) {
  test(`after ${what} the filesystem can be written`, async () => {
    const { child, ended } = await frozen();
    happens(child);
    const { err, ...end } = await ended;
    expect(end.exitCode).toBe(exitCode);
    expect(err).toContain(code);
    expect(await isWritable(10_000)).toBe(true);
  });
}

test("a read-only filesystem is copied without freezing it", async () => {
  must("mount", "-o", "remount,ro", folder);
  const image = await dumped("--source", folder);
  must("umount", folder);
  const whole = sha256(readFileSync(join(dir, "disk")));
  expect([image.length, sha256(image)]).toEqual([SIZE_MIB * MIB, whole]);
  expect(sha256(await dumped("--source", device, "--quiet"))).toBe(whole);
  expect(sha256(gunzipSync(await dumped("--source", device, "-C", "gzip")))).toBe(whole);
});

test("a file in the filesystem names it as well as its folder", async () => {
  await dumped("--source", join(folder, "content"));
  must("e2fsck", "-fn", join(dir, "image"));
});

test("an Artifact of the image holds a filesystem without errors", async () => {
  await dumped("--source", folder, "--quiet");
  const [image, artifact] = [join(dir, "image"), join(dir, "release-1.mender")];
  const options = ["-t", "board", "-n", "release-1", "-f", image, "-o", artifact];
  expect(await program.run("artifact", "write", "rootfs-image", ...options)).toMatchObject({ exitCode: 0 });
  expect(await program.run("artifact", "validate", artifact)).toMatchObject({ exitCode: 0 });
  must("sh", "-c", `tar -xOf ${artifact} data/0000.tar.gz | tar -xzO >${join(dir, "unpacked")}`);
  must("e2fsck", "-fn", join(dir, "unpacked"));
});

test("a target on the filesystem itself, a datastore on it and what is no filesystem are refused", async () => {
  const none = (): number => openSync("/dev/null", "w");
  const refused = async (code: string, running: Running): Promise<void> => {
    const { exitCode, err } = await running.ended;
    expect([exitCode, err]).toEqual([1, expect.stringContaining(code)]);
  };
  await refused("DUMP_TARGET", start(["--source", folder], openSync(join(folder, "image"), "w")));
  await refused("DUMP_SOURCE", start(["--source", "/proc"], none()));
  await refused("DUMP_SOURCE", start(["--source", join(dir, "missing")], none()));
  await refused("DUMP_DATASTORE", start(["--source", folder, "-d", folder], none()));
  const log = join(folder, "log");
  await start(["--source", folder], none(), openSync(log, "w")).ended;
  expect(readFileSync(log, "utf8")).toContain("DUMP_TARGET");
  must("fsfreeze", "--freeze", folder);
  await refused("FREEZE_FAILED", start(["--source", folder], none()));
});

test("a terminal gets no image, but sees how far one has come", () => {
  const command = `${process.execPath} ${program.path} -d ${dir}/data snapshot dump --source ${folder}`;
  const onTerminal = (line: string): string =>
    spawnSync("script", ["-qec", line, "/dev/null"], { encoding: "utf8", timeout: 20_000 }).stdout;
  expect(onTerminal(command)).toContain("DUMP_TARGET");
  const slowly = `${command} | { head -c ${MIB}; sleep 2; cat; } >/dev/null`;
  expect(onTerminal(slowly)).toMatch(/\/dev\/loop\d+ \[#+-*\] +\d+%/);
  expect(onTerminal(slowly.replace(" dump ", " dump --quiet "))).toBe("");
});
