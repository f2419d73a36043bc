import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const MIB = 1024 * 1024;
const ENV_BYTES = 16 * 1024;
const DEVICE_TYPE = "bench-board";

/** The result and the cost of one command on the board; times in seconds. */
export interface BoardRun {
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
  readonly wall: number;
  readonly cpu: number;
  /** Peak resident memory of the largest process, in MiB. */
  readonly peakMib: number;
}

/**
 * A board of two loop devices on tmpfs, with a real redundant U-Boot environment, on which both the real client and
 * ours can run. Each command runs in its own mount namespace with a slot as its root filesystem, so that either client
 * can ask the kernel for the slot it was booted from. Needs root.
 */
export class ClientBoard {
  readonly dir: string;
  readonly slots: Readonly<Record<"A" | "B", string>>;
  readonly #slotBytes: number;

  /** @param slotMib size of each slot; slot A gets a small filesystem to boot from */
  constructor(slotMib: number) {
    this.#slotBytes = slotMib * MIB;
    this.dir = mkdtempSync(join(tmpdir(), "switchback-board-"));
    must("mount", ["-t", "tmpfs", "-o", "size=80%", "tmpfs", this.dir]);
    try {
      for (const folder of ["root", "stage", "etc", "data", "out", "identity"]) mkdirSync(join(this.dir, folder));
      this.slots = { A: this.#makeSlotA(), B: this.#attach("B") };
      this.#makeEtc();
      const identity = join(this.dir, "identity/mender-device-identity");
      writeFileSync(identity, "#!/bin/sh\necho mac=00:11:22:33:44:55\n", { mode: 0o755 });
      this.resetEnvironment();
    } catch (error) {
      this.close();
      throw error;
    }
  }

  /** Sets environment and datastore to those of a device that runs from slot A without a pending update. */
  resetEnvironment(): void {
    for (const copy of ["env1", "env2"]) writeFileSync(join(this.dir, copy), Buffer.alloc(ENV_BYTES));
    const variables = {
      bootcount: 0,
      bootlimit: 1,
      mender_boot_part: this.partition("A"),
      mender_boot_part_hex: hex(this.partition("A")),
      upgrade_available: 0,
    };
    const script = join(this.dir, "env.txt");
    writeFileSync(
      script,
      Object.entries(variables)
        .map(([key, value]) => `${key}=${value}\n`)
        .join(""),
    );
    must("fw_setenv", ["-c", join(this.dir, "etc/fw_env.config"), "-f", script, "-s", script]);
    rmSync(join(this.dir, "data"), { recursive: true, force: true });
    mkdirSync(join(this.dir, "data"));
    writeFileSync(join(this.dir, "data/device_type"), `device_type=${DEVICE_TYPE}\n`);
  }

  /** Writes mender.conf with both slots and `keys`. */
  configure(keys: Readonly<Record<string, string | number | object>>): void {
    const slots = { RootfsPartA: this.slots.A, RootfsPartB: this.slots.B };
    const configuration = { ...slots, DBus: { Enabled: false }, ...keys };
    writeFileSync(join(this.dir, "etc/mender/mender.conf"), JSON.stringify(configuration));
  }

  /** Fills slot B with `image`, through the device, so that its cache is not stale. */
  fillSlotB(image: string): void {
    must("dd", [`if=${image}`, `of=${this.slots.B}`, "bs=1M", "conv=fsync", "status=none"]);
  }

  /** Runs a command in a system booted from `slot`; the other slot is the target of an update. */
  run(slot: "A" | "B", argv: readonly string[], env: Readonly<Record<string, string>> = {}): BoardRun {
    const out = (name: string): string => join(this.dir, "out", name);
    for (const name of ["stdout", "stderr", "time", "memory"]) rmSync(out(name), { force: true });
    const shell = spawnSync("unshare", ["-m", "bash", "-c", IN_SLOT, "bash", this.dir, this.slots[slot], ...argv], {
      // As from an init system: variables of this machine, such as more certificates, would slow down one client.
      env: { PATH: process.env["PATH"], HOME: "/root", LANG: "C.UTF-8", ...env },
      stdio: ["ignore", "inherit", "inherit"],
    });
    if (!existsSync(out("memory"))) throw new Error(`the command did not start in slot ${slot}`);
    const [wall = 0, user = 0, system = 0] = readFileSync(out("time"), "utf8").trim().split(" ").map(Number);
    return {
      exitCode: shell.status ?? 1,
      stdout: readFileSync(out("stdout"), "utf8"),
      stderr: readFileSync(out("stderr"), "utf8"),
      wall,
      cpu: user + system,
      peakMib: Number(readFileSync(out("memory"), "utf8").trim().split("\n").at(-1)) / 1024,
    };
  }

  /** Starts a daemon, as the init system of a system booted from `slot` does. @returns its process */
  start(slot: "A" | "B", argv: readonly string[]): ChildProcess {
    const identity = 'mount --bind "$dir/identity" "$root/usr/share/mender/identity"';
    const script = [ENTER_SLOT, identity, 'exec chroot "$root" "$@" >"$dir/out/daemon" 2>&1'].join("\n");
    return spawn("unshare", ["-m", "bash", "-c", script, "bash", this.dir, this.slots[slot], ...argv], {
      env: { PATH: process.env["PATH"], HOME: "/root", LANG: "C.UTF-8" },
      stdio: ["ignore", "inherit", "inherit"],
    });
  }

  /** All variables of the boot environment, sorted, as `fw_printenv` prints them. */
  environment(): readonly string[] {
    const printed = must("fw_printenv", ["-c", join(this.dir, "etc/fw_env.config")]);
    return printed.trim().split("\n").sort();
  }

  /** SHA-256 of the first `bytes` of slot B, read past the page cache of the other client. */
  slotDigest(bytes: number): string {
    must("blockdev", ["--flushbufs", this.slots.B]);
    const pipe = spawnSync("head", ["-c", String(bytes), this.slots.B], { maxBuffer: bytes + MIB });
    return createHash("sha256").update(pipe.stdout).digest("hex");
  }

  close(): void {
    for (const device of Object.values(this.slots ?? {})) spawnSync("losetup", ["-d", device]);
    spawnSync("umount", ["-l", this.dir]);
    rmSync(this.dir, { recursive: true, force: true });
  }

  /** Number of the partition, as the boot environment names it. */
  partition(slot: "A" | "B"): number {
    return Number(/[0-9]+$/.exec(this.slots[slot])?.[0]);
  }

  #makeSlotA(): string {
    makeImage(join(this.dir, "A.img"), 8, join(this.dir, "stage"));
    return this.#attach("A");
  }

  #attach(slot: "A" | "B"): string {
    const file = join(this.dir, `${slot}.img`);
    writeFileSync(file, "", { flag: "a" });
    truncateSync(file, this.#slotBytes);
    return must("losetup", ["--find", "--show", file]).trim();
  }

  #makeEtc(): void {
    const etc = join(this.dir, "etc");
    cpSync("/etc", etc, {
      recursive: true,
      verbatimSymlinks: true,
      filter: (path) => !path.startsWith("/etc/alternatives"),
    });
    mkdirSync(join(etc, "mender"), { recursive: true });
    writeFileSync(
      join(etc, "fw_env.config"),
      ["env1", "env2"].map((copy) => `${this.dir}/${copy} 0x0 0x4000\n`).join(""),
    );
    writeFileSync(join(etc, "mender/artifact_info"), "artifact_name=release-0\n");
    this.configure({});
  }
}

/** Mounts slot `$2` as a root filesystem. */
const ENTER_SLOT = `
set -e
dir=$1 slot=$2; shift 2
root=$dir/root
mount --make-rprivate /
mount -o ro "$slot" "$root"
mount --bind /usr "$root/usr"
mount --bind "$dir/etc" "$root/etc"
mount --rbind /dev "$root/dev"
mount -t proc proc "$root/proc"
mount --rbind /sys "$root/sys"
mount --rbind /tmp "$root/tmp"
mount --bind "$PWD" "$root/project"
mount --bind "$dir/data" "$root/data"
`;

/** Measures only the command itself. */
const IN_SLOT = `${ENTER_SLOT}
set +e
TIMEFORMAT='%3R %3U %3S'
{ time chroot "$root" /usr/bin/time -o "$dir/out/memory" -f %M "$@" >"$dir/out/stdout" 2>"$dir/out/stderr"; } 2>"$dir/out/time"
`;

/**
 * Makes an ext4 image in which `ClientBoard.run` can run commands.
 *
 * @param stage folder with the image's content; this function adds the mount points
 */
export function makeImage(file: string, sizeMib: number, stage: string): void {
  for (const folder of ["usr", "etc", "dev", "proc", "sys", "tmp", "project", "data"]) {
    mkdirSync(join(stage, folder), { recursive: true });
  }
  for (const link of ["bin", "sbin", "lib", "lib64"]) {
    if (!existsSync(join(stage, link))) symlinkSync(`usr/${link}`, join(stage, link));
  }
  must("mkfs.ext4", ["-q", "-d", stage, file, `${sizeMib}M`]);
}

export const BENCH_DEVICE_TYPE = DEVICE_TYPE;

const hex = (value: number): string => value.toString(16).toUpperCase();

function must(program: string, args: readonly string[]): string {
  const done = spawnSync(program, args, { encoding: "utf8" });
  if (done.status !== 0) throw new Error(`${program} ${args.join(" ")}: ${done.error?.message ?? done.stderr}`);
  return done.stdout;
}
