import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, dirname, join } from "node:path";
import type { MadeDisk } from "./yocto-rig.ts";

/** How a device sees a disk. */
export interface Attached {
  readonly image: string;
  /** Such as /dev/mmcblk0. */
  readonly device: string;
  readonly partitions: MadeDisk["partitions"];
  /** Names below /dev that udev makes, by the number of the partition. */
  readonly links?: Readonly<Record<string, number>>;
}

/**
 * Runs `switchback doctor` in the system of slot A, as on the device: the partitions have their names in /dev, the
 * mounts are those of its /etc/fstab, and its boot environment is read with its own configuration. Only the programs
 * are those of this machine, and the files of the boot partition are copied, because not every kernel has vfat. The
 * slot has the mount points for that.
 *
 * @param program the built agent
 * @returns exit status, the lines that are not `ok`, and the last line
 */
export function doctorOnDisk({ image, device, partitions, links = {} }: Attached, program: string) {
  const work = mkdtempSync(join(tmpdir(), "switchback-doctor-"));
  const slot = partitions.find(({ role }) => role === "rootfsA")?.number;
  const boot = partitions.find(({ role }) => role === "boot")?.start;
  const nodes = partitions.map(({ number, start, size }) => `${number}:${start}:${size}`).join(" ");
  const names = Object.entries(links).map(([name, number]) => `${name}:${number}`);
  const env = {
    PATH: `${process.env["PATH"]}:/usr/sbin:/sbin`,
    ...{ WORK: work, IMAGE: image, DISK: basename(device), SLOT: String(slot), NODES: nodes, LINKS: names.join(" ") },
    ...{ BOOT: String(boot ?? ""), NODE: process.execPath, PROGRAM: dirname(program), LC_ALL: "C" },
  };
  try {
    const { status, stdout, stderr } = spawnSync("unshare", ["--mount", "bash", "--norc", "-c", SCRIPT], {
      encoding: "utf8",
      stdio: ["ignore", "pipe", "pipe"],
      env,
    });
    if (stderr !== "") throw new Error(stderr);
    const lines = stdout
      .replace(/\d+ KiB in/, "SIZE in")
      .trim()
      .split("\n");
    const [verdict = ""] = lines.splice(-1);
    return { status, remarks: lines.filter((line) => !line.startsWith("ok ")), verdict };
  } finally {
    rmSync(work, { recursive: true });
  }
}

const SCRIPT = `
set -e
mount --make-rprivate /
mkdir "$WORK/dev" "$WORK/root"
mount -t tmpfs tmpfs "$WORK/dev"
dev=$WORK/dev root=$WORK/root loops=
trap 'umount -R "$root" 2>/dev/null || :; for loop in $loops; do losetup --detach "$loop"; done' EXIT
cp -a /dev/null /dev/zero /dev/random /dev/urandom "$dev/"
# A loop device under the name that it has on the device.
attach() {
  name=$1
  shift
  loop=$(losetup --find --show "$@" "$IMAGE")
  loops="$loops $loop"
  number=$(cat "/sys/class/block/\${loop##*/}/dev")
  mknod "$dev/$name" b "\${number%:*}" "\${number#*:}"
}
case $DISK in *[0-9]) base=\${DISK}p ;; *) base=$DISK ;; esac
attach "$DISK"
for node in $NODES; do
  IFS=: read -r number start size <<<"$node"
  attach "$base$number" --offset "$start" --sizelimit "$size"
done
for link in $LINKS; do
  mkdir -p "$dev/$(dirname "\${link%:*}")"
  ln -s "/dev/$base\${link##*:}" "$dev/\${link%:*}"
done

mount "$dev/$base$SLOT" "$root"
mount --bind /usr "$root/usr"
mount --bind "$dev" "$root/dev"
mount --bind "$PROGRAM" "$root/program"
mount --bind "$NODE" "$root/node"
mount -t proc proc "$root/proc"
mount -t sysfs sys "$root/sys"
# Where the boot partition is mounted; the other lines are mounted as they are.
boot=$(awk '$2 == "/uboot" || $2 ~ /^.boot/ { print $2 }' "$root/etc/fstab")
awk -v boot="$boot" '$2 != boot' "$root/etc/fstab" >"$dev/fstab"
mount -t tmpfs tmpfs "$root/run"
mkdir "$root/run/lock"
chroot "$root" mount -a -T /dev/fstab
if [ -n "$boot" ]; then
  mkdir "$WORK/boot"
  mcopy -s -n -i "$IMAGE@@$BOOT" ::/ "$WORK/boot/"
  mount --bind "$WORK/boot" "$root$boot"
fi
# What the boot script of U-Boot does at the first start, if this is its environment.
if [ -e "$root/etc/fw_env.config" ]; then chroot "$root" fw_setenv mender_saveenv_canary 1 2>/dev/null || :; fi
status=0
chroot "$root" /node /program/switchback.mjs doctor || status=$?
exit "$status"
`;
