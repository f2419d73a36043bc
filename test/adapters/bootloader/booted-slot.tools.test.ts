import { execFileSync } from "node:child_process";
import { mkdir, mkdtemp, rm, truncate, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { build } from "esbuild";
import { afterAll, beforeAll, expect } from "vitest";
import { needs } from "../../support/needs.ts";

const { test } = needs("mount", "loop", "ext4", "namespaces");

let folder = "";
/** Loop devices by slot; the test really creates and mounts their file systems. */
const devices: string[] = [];

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "switchback-loop-"));
  for (const slot of ["A", "B"]) {
    const image = join(folder, `rootfs-${slot}.ext4`);
    await writeFile(image, "");
    await truncate(image, 4 * 1024 * 1024);
    execFileSync("mkfs.ext4", ["-q", "-L", "root", image]);
    devices.push(execFileSync("losetup", ["--find", "--show", image], { encoding: "utf8" }).trim());
  }
  await mkdir(join(folder, "root"));
  const source = `
    import { createBootedSlot } from ${JSON.stringify(join(import.meta.dirname, "../../../adapters/bootloader/booted-slot.ts"))};
    const [A, B] = process.argv.slice(2);
    createBootedSlot({ slots: { A, B } })(new AbortController().signal).then(
      (slot) => process.stdout.write(slot),
      (error) => process.stdout.write(error.code ?? String(error)),
    );`;
  await build({
    stdin: { contents: source, resolveDir: folder },
    bundle: true,
    platform: "node",
    format: "cjs",
    outfile: join(folder, "ask.cjs"),
    logLevel: "error",
  });
});
afterAll(async () => {
  for (const device of devices) execFileSync("losetup", ["--detach", device]);
  await rm(folder, { recursive: true });
});

/** Starts a process whose root file system is the one on `device`, and asks it which slot it runs from. */
function askOn(device: string, slots: readonly string[]): string {
  const node = process.execPath;
  // The mounts are in a separate namespace and disappear when the shell ends.
  const script = `set -e
    mount "$1" "$2/root"; shift; root="$1/root"; folder="$1"; shift
    for dir in usr lib lib64 bin proc sys dev etc tmp; do
      [ -e "/$dir" ] || continue; mkdir -p "$root/$dir"; mount --rbind "/$dir" "$root/$dir"
    done
    mkdir -p "$root/opt"; touch "$root/opt/node" "$root/opt/ask.cjs"
    mount --bind "${node}" "$root/opt/node"; mount --bind "$folder/ask.cjs" "$root/opt/ask.cjs"
    exec chroot "$root" /opt/node /opt/ask.cjs "$@"`;
  const argv = ["--mount", "--propagation", "private", "sh", "-c", script, "sh", device, folder, ...slots];
  return execFileSync("unshare", argv, { encoding: "utf8" });
}

test("a process whose root is on a loop device finds its slot by the kernel's own device numbers", () => {
  const [a = "", b = ""] = devices;
  expect(askOn(a, [a, b])).toBe("A");
  expect(askOn(b, [a, b])).toBe("B");
});

test("a process whose root is neither slot gets an error that says so", () => {
  const [a = "", b = ""] = devices;
  expect(askOn(a, [b, "/dev/null"])).toBe("SLOT_UNKNOWN");
});

/**
 * Like `askOn`, but the root is an overlay over the file system on `device`, created as early user space does.
 *
 * @param lower `moved` into the new root, or `hidden`: at a place that is not visible in the new root
 * @param other the slot to which udev's link by label points, if the kernel was started with `root=LABEL=root`
 */
function askOnOverlay(device: string, other: string, lower: "moved" | "hidden", slots: readonly string[]): string {
  const script = `set -e
    device="$1"; other="$2"; lower="$3"; folder="$4"; shift 4
    mount -t tmpfs none "$folder/root"; cd "$folder/root"; mkdir lower rw new
    mount -o ro "$device" lower; mkdir rw/upper rw/work
    mount -t overlay overlay -o "lowerdir=$PWD/lower,upperdir=$PWD/rw/upper,workdir=$PWD/rw/work" new
    for dir in usr lib lib64 bin proc sys etc tmp; do
      [ -e "/$dir" ] || continue; mkdir -p "new/$dir"; mount --rbind "/$dir" "new/$dir"
    done
    mkdir -p new/dev new/opt new/media/ro; mount -t tmpfs none new/dev
    cp -a /dev/null "$@" new/dev
    mkdir -p new/dev/disk/by-label; ln -s "../../\${other##*/}" new/dev/disk/by-label/root
    touch new/opt/node new/opt/ask.cjs
    mount --bind "${process.execPath}" new/opt/node; mount --bind "$folder/ask.cjs" new/opt/ask.cjs
    echo "console=ttyS0 root=LABEL=root ro" >rw/cmdline; mount --bind rw/cmdline new/proc/cmdline
    [ "$lower" = hidden ] || mount --move lower new/media/ro
    exec chroot new /opt/node /opt/ask.cjs "$@"`;
  const argv = [
    "--mount",
    "--propagation",
    "private",
    "sh",
    "-c",
    script,
    "sh",
    device,
    other,
    lower,
    folder,
    ...slots,
  ];
  return execFileSync("unshare", argv, { encoding: "utf8" });
}

for (const lower of ["moved", "hidden"] as const) {
  test(`an overlay whose lower layer is ${lower} runs from that layer's slot, although a label leads to the other`, () => {
    const [a = "", b = ""] = devices;
    expect(askOnOverlay(a, b, lower, [a, b])).toBe("A");
    expect(askOnOverlay(b, a, lower, [a, b])).toBe("B");
  });
}
