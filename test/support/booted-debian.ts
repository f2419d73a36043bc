import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout } from "node:timers/promises";
import type { Ended } from "../cli/examples/device.ts";

/** Longer than any command takes on a busy machine. */
const LIMIT_MS = 240_000;

/**
 * Boots systemd as process 1 of namespaces of its own, with control groups of its own. $ROOT is where its root
 * filesystem is mounted from $SLOT, $PACKED the archive that fills an empty one, $PACKAGES a folder that it sees.
 */
const BOOT = `
set -eu
mkdir -p "$ROOT" "$GROUPS_AT"
mount -t cgroup2 cgroup2 "$GROUPS_AT"
own="$GROUPS_AT$(sed -n 's/^0:://p' /proc/self/cgroup)/switchback-$$"
mkdir "$own"
echo 0 >"$own/cgroup.procs"
exec unshare --cgroup --pid --uts --ipc --fork --kill-child sh -c "$INSIDE"
`;
const INSIDE = `
set -eu
mount "$SLOT" "$ROOT"
[ -e "$ROOT/etc" ] || tar -C "$ROOT" -xf "$PACKED"
cd "$ROOT"
mount -t proc proc proc
mount --rbind /sys sys
mount -t cgroup2 cgroup2 sys/fs/cgroup
mount -t tmpfs -o mode=755 dev dev
for name in full null random tty urandom zero; do : >dev/$name; mount --bind /dev/$name dev/$name; done
for name in fd:/proc/self/fd stdin:/proc/self/fd/0 stdout:/proc/self/fd/1 stderr:/proc/self/fd/2 ptmx:pts/ptmx; do
  ln -s "\${name#*:}" "dev/\${name%%:*}"
done
mkdir dev/pts dev/shm
mount -t devpts -o newinstance,ptmxmode=0666 devpts dev/pts
for pair in $DEVICES; do : >"dev/\${pair%%=*}"; mount --bind "\${pair#*=}" "dev/\${pair%%=*}"; done
mount -t tmpfs -o mode=755 run run
mkdir -p packages data run/lock
mount --bind "$PACKAGES" packages
mount dev/mmcblk0p4 data
printf %s "$CMDLINE" >run/cmdline
mount --bind run/cmdline proc/cmdline
[ -e var/lib/mender ] || { mkdir -p data/mender; ln -s /data/mender var/lib/mender; }
exec env -i container=switchback-test PATH=/usr/sbin:/usr/bin:/sbin:/bin chroot . /lib/systemd/systemd --log-target=journal --show-status=no
`;

/** Removes its control groups. The last of its processes may take a moment to end. */
const REMOVE = `
mount -t cgroup2 cgroup2 "$0"
while [ -n "$(find "$0" -type d -name "switchback-$1")" ]; do
  find "$0" -depth -type d -path "*/switchback-$1*" -exec rmdir {} + 2>/dev/null || sleep 0.1
done
`;

/** The disk of a device as programs of the machine see it: paths of block devices, by their names in the device. */
export type Disk = ReadonlyMap<string, string>;

/** A device with a disk whose Debian systemd has started, and which shares the network of the machine. */
export class BootedDebian {
  readonly #folder: string;
  readonly #systemd: ChildProcess;
  /** Variables of everybody who logs in. */
  readonly env: Record<string, string> = {};

  /** @param packed archive of the system, which an empty slot gets */
  static async boot(disk: Disk, packed: string): Promise<BootedDebian> {
    const folder = mkdtempSync(join(tmpdir(), "switchback-booted-"));
    const machine = new BootedDebian(folder, disk, packed);
    try {
      await machine.#isUp();
      return machine;
    } catch (error) {
      await machine.powerOff();
      throw error;
    }
  }

  private constructor(folder: string, disk: Disk, packed: string) {
    this.#folder = folder;
    mkdirSync(this.packages);
    const env = {
      ...process.env,
      ...{
        ROOT: join(folder, "root"),
        GROUPS_AT: join(folder, "groups"),
        PACKAGES: this.packages,
        PACKED: packed,
        INSIDE,
      },
      ...{ SLOT: disk.get("mmcblk0p2"), DEVICES: [...disk].map(([name, path]) => `${name}=${path}`).join(" ") },
      CMDLINE: "console=ttyS0 root=/dev/mmcblk0p2\n",
    };
    // The machine ends with the process of the tests.
    const words = ["--pdeathsig", "KILL", "unshare", "--mount", "sh", "-c", BOOT];
    this.#systemd = spawn("setpriv", words, { env, stdio: ["ignore", "ignore", "inherit"] });
  }

  async #isUp(): Promise<void> {
    const state = async (): Promise<string> => (await this.run("systemctl is-system-running")).out.trim();
    for (let now = ""; now !== "running"; now = await state()) {
      if (now === "degraded" || this.#systemd.exitCode !== null) throw new Error(`systemd does not run: ${now}`);
      await setTimeout(100);
    }
  }

  /** The folder that the device sees as /packages. */
  get packages(): string {
    return join(this.#folder, "packages");
  }

  /** Runs a line of shell as root. */
  run(line: string, input = ""): Promise<Ended> {
    const own = `/proc/${this.#systemd.pid}/ns`;
    const spaces = [
      `--pid=${own}/pid_for_children`,
      ...["mnt", "uts", "ipc", "cgroup"].map((name) => `--${name === "mnt" ? "mount" : name}=${own}/${name}`),
    ];
    const env = {
      PATH: "/opt/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
      HOME: "/root",
      LC_ALL: "C.UTF-8",
      DEBIAN_FRONTEND: "noninteractive",
      ...this.env,
    };
    const child = spawn("nsenter", [...spaces, "chroot", join(this.#folder, "root"), "sh", "-c", line], { env });
    const limit = AbortSignal.timeout(LIMIT_MS);
    limit.addEventListener("abort", () => child.kill("SIGKILL"));
    const said = { out: "", err: "" };
    child.stdout.on("data", (chunk: Buffer) => (said.out += chunk.toString()));
    child.stderr.on("data", (chunk: Buffer) => (said.err += chunk.toString()));
    child.stdin.on("error", () => undefined);
    child.stdin.end(input);
    return new Promise((resolve, reject) => {
      child.once("error", reject);
      child.once("close", (exit) => resolve({ exit, ...said }));
    });
  }

  /** Switches it off without warning. */
  async powerOff(): Promise<void> {
    const ended = this.#systemd.exitCode ?? once(this.#systemd, "exit");
    this.#systemd.kill("SIGKILL");
    await ended;
    const groups = join(this.#folder, "groups");
    spawnSync("unshare", ["--mount", "timeout", "20", "sh", "-c", REMOVE, groups, String(this.#systemd.pid)]);
    rmSync(this.#folder, { recursive: true, force: true });
  }
}
