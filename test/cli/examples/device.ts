import { spawn, spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import {
  chmodSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { dirname, join } from "node:path";
import type { BuiltProgram } from "../../support/built-program.ts";

/** The output and the exit status of a line of shell. */
export interface Ended {
  readonly exit: number | null;
  readonly out: string;
  readonly err: string;
}

/** Names under which the program is installed. */
const NAMES = ["switchback", "mender", "mender-update", "mender-auth", "mender-setup", "mender-snapshot"];

/** Folders of the machine's own Mender client, which the device replaces with its own. */
const OWN_FOLDERS = { "etc/mender": "etc", "var/lib/mender": "data", "usr/share/mender": "share" };

/** Longer than an example takes on a busy machine. */
const LIMIT_MS = 180_000;

/**
 * Runs a line of shell in separate namespaces. The root is an overlay: programs find the machine's programs, and
 * everything that they change goes to the folder `$upper`. A virtual board in /board is the device: its folders are
 * /etc/mender, /var/lib/mender and /usr/share/mender.
 */
const ENTER = `
set -eu
mount -t overlay overlay -o "lowerdir=/,upperdir=$UPPER,workdir=$WORK" "$MERGED"
cd "$MERGED"
mount -t proc proc proc
mount --rbind /sys sys
for name in full null random urandom zero; do
  [ -e dev/$name ] || : >dev/$name
  mount --bind /dev/$name dev/$name
done
for name in fd:/proc/self/fd stdin:/proc/self/fd/0 stdout:/proc/self/fd/1 stderr:/proc/self/fd/2; do
  ln -sfn "\${name#*:}" "dev/\${name%%:*}"
done
mkdir -p dev/pts
mount -t devpts devpts dev/pts -o newinstance,ptmxmode=0666
ln -sfn pts/ptmx dev/ptmx
for name in etc/mender var/lib/mender usr/share/mender; do
  [ -e seeded ] || { rm -rf "$name"; mkdir -p "$name"; }
done
: >seeded
mount --bind "$PROGRAM" opt/switchback
mount --bind "$NODE" opt/node
mount --bind "$SIGNALS" signals
if [ -d board ]; then
  ${Object.entries(OWN_FOLDERS)
    .map(([path, own]) => `mount --bind board/${own} ${path}`)
    .join("\n  ")}
fi
for pair in $DEVICES; do
  : >"dev/\${pair%%=*}"
  mount --bind "\${pair#*=}" "dev/\${pair%%=*}"
done
LINE=$1
export LINE
unset UPPER WORK MERGED PROGRAM NODE SIGNALS DEVICES
exec chroot . sh -c 'cd /desk; exec sh -c "$LINE"'
`;

/** A folder that stands for a computer, on which the test really runs lines of shell. */
export class Device {
  readonly #folder: string;
  readonly #program: BuiltProgram;
  readonly #env: Readonly<Record<string, string>>;
  /** Devices of the machine that this one sees, by the name in its /dev. */
  readonly devices = new Map<string, string>();

  /** @param env environment of all programs on this computer */
  constructor(folder: string, program: BuiltProgram, env: Readonly<Record<string, string>>) {
    this.#folder = folder;
    this.#program = program;
    this.#env = env;
    for (const name of ["work", "merged", "signals"]) mkdirSync(join(folder, name), { recursive: true });
    if (existsSync(this.path("/desk"))) return;
    for (const name of ["/desk", "/dev", "/opt/switchback", "/signals"])
      mkdirSync(this.path(name), { recursive: true });
    this.put("/opt/node", "");
    for (const name of NAMES) {
      mkdirSync(this.path("/opt/names"), { recursive: true });
      symlinkSync("/opt/switchback/switchback.mjs", this.path(`/opt/names/${name}`));
      this.put(`/opt/bin/${name}`, `#!/bin/sh\nexec /opt/node /opt/names/${name} "$@"\n`, 0o755);
    }
    this.put("/opt/bin/reboot", "#!/bin/sh\necho reboot >>/desk/reboots\nexec switchback board boot /board\n", 0o755);
  }

  /** A copy of this computer in its present state. */
  copy(folder: string): Device {
    mkdirSync(folder, { recursive: true });
    const { status, stderr } = spawnSync("cp", ["-a", join(this.#folder, "upper"), folder], { encoding: "utf8" });
    if (status !== 0) throw new Error(stderr);
    return new Device(folder, this.#program, this.#env);
  }

  /** Removes a file of this computer, or the whole computer. */
  remove(name?: string): void {
    if (name === undefined) for (const path of new Set(this.devices.values())) spawnSync("losetup", ["--detach", path]);
    rmSync(name === undefined ? this.#folder : this.path(name), { recursive: true, force: true });
  }

  /** The path at which the test finds a file of the device; a relative path starts at the folder in which lines run. */
  path(name: string): string {
    return join(this.#folder, "upper", name.startsWith("/") ? name : join("desk", name));
  }

  /** The folder that the device sees as /signals: both sides see each change there at once. */
  get signals(): string {
    return join(this.#folder, "signals");
  }

  has(name: string): boolean {
    return existsSync(this.path(name));
  }

  text(name: string): string {
    return readFileSync(this.path(name), "utf8");
  }

  sizeBytes(name: string): number {
    return statSync(this.path(name)).size;
  }

  put(name: string, content: string | Uint8Array, mode = 0o644): void {
    mkdirSync(dirname(this.path(name)), { recursive: true });
    writeFileSync(this.path(name), content);
    chmodSync(this.path(name), mode);
  }

  run(line: string, input = ""): Promise<Ended> {
    const shown = [...this.devices].map(([name, path]) => `${name}=${path}`).join(" ");
    const child = spawn("unshare", ["--mount", "--pid", "--fork", "--kill-child", "sh", "-c", ENTER, "sh", line], {
      env: {
        PATH: "/opt/bin:/usr/sbin:/usr/bin:/sbin:/bin",
        HOME: "/root",
        LANG: "C.UTF-8",
        ...this.#env,
        UPPER: join(this.#folder, "upper"),
        WORK: join(this.#folder, "work"),
        MERGED: join(this.#folder, "merged"),
        PROGRAM: this.#program.folder,
        NODE: process.execPath,
        SIGNALS: this.signals,
        DEVICES: shown,
      },
    });
    const timer = setTimeout(() => child.kill("SIGKILL"), LIMIT_MS);
    const said = { out: "", err: "" };
    child.stdout.on("data", (chunk: Buffer) => (said.out += chunk.toString()));
    child.stderr.on("data", (chunk: Buffer) => (said.err += chunk.toString()));
    child.stdin.on("error", () => undefined);
    child.stdin.end(input);
    return new Promise((resolve, reject) => {
      child.once("error", reject);
      child.once("close", (exit) => {
        clearTimeout(timer);
        resolve({ exit, ...said });
      });
    });
  }

  /** The mode and content of every file that belongs to the device and not to the machine, by path. */
  files(): ReadonlyMap<string, string> {
    const found = new Map<string, string>();
    const look = (path: string): void => {
      for (const name of readdirSync(join(this.#folder, "upper", path))) {
        const file = `${path}/${name}`;
        const full = join(this.#folder, "upper", file);
        const stat = lstatSync(full);
        if (stat.isDirectory()) look(file);
        else if (stat.isSymbolicLink()) found.set(file, readlinkSync(full));
        else found.set(file, `${(stat.mode & 0o777).toString(8)} ${stat.isFile() ? contentOf(full) : "node"}`);
      }
    };
    look("");
    return found;
  }
}

const LARGE_BYTES = 4 * 1024 ** 2;

/** Slots of boards are large and almost empty, so the modification time shows whether a program wrote to them. */
function contentOf(path: string): string {
  const { size, mtimeMs } = statSync(path);
  return size > LARGE_BYTES ? `${size} ${mtimeMs}` : createHash("sha256").update(readFileSync(path)).digest("hex");
}

/** Paths that exist in only one of the two, or that differ. */
export function changed(before: ReadonlyMap<string, string>, after: ReadonlyMap<string, string>): readonly string[] {
  const paths = new Set([...before.keys(), ...after.keys()]);
  return [...paths].filter((path) => before.get(path) !== after.get(path)).sort();
}
