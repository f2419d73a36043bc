import { execFileSync } from "node:child_process";
import { copyFileSync, mkdirSync, symlinkSync } from "node:fs";
import type { Device } from "../../cli/examples/device.ts";

/**
 * `ssh root@NAME COMMAND` for a device whose disk is the image of a guide. Its root is the slot that its boot loader has
 * chosen. The machine's programs stand in for the system's, except for the agent, which is that of the slot.
 */
const SSH = `#!/bin/sh
name=\${1#*@}
shift
[ -e "/machines/$name" ] || { echo "ssh: Could not resolve hostname $name" >&2; exit 255; }
exec unshare --mount /machines/enter "$name" "$*"
`;

const ENTER = `#!/bin/sh
set -e
own=/machines/$1
root=$own/root
mkdir -p "$root" "$own/slot" "$own/run"
if [ ! -e "$own/part" ] || [ -e "$own/run/reboot" ]; then
  rm -rf "$own/run"
  mkdir -p "$own/run/lock"
  /machines/boot-loader "$1" >"$own/part"
fi
part=$(cat "$own/part")
mount "/dev/$1-p$part" "$root"
mount "/dev/$1-p$part" "$own/slot"
mount -t proc proc "$root/proc"
mount --rbind /sys "$root/sys"
mount -t tmpfs dev "$root/dev"
mkdir "$root/dev/shm"
for node in full null random urandom zero; do : >"$root/dev/$node"; mount --bind "/dev/$node" "$root/dev/$node"; done
: >"$root/dev/mmcblk0"
mount --bind "/dev/$1-disk" "$root/dev/mmcblk0"
for n in 1 2 3 4; do : >"$root/dev/mmcblk0p$n"; mount --bind "/dev/$1-p$n" "$root/dev/mmcblk0p$n"; done
mount --bind "$own/run" "$root/run"
mount -t tmpfs tmp "$root/tmp"
mount --rbind /usr "$root/usr"
for path in usr/lib/switchback usr/share/mender; do mount --bind "$own/slot/$path" "$root/$path"; done
mount --bind /opt/node "$root/usr/bin/node"
echo "console=ttyAMA0 root=/dev/mmcblk0p$part" >"$own/cmdline"
mount --bind "$own/cmdline" "$root/proc/cmdline"
# The boot partition is left out: the machine of the tests may have a kernel without FAT, and nothing here reads it.
export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
unset https_proxy
exec chroot "$root" sh -c 'mount -a -t novfat && cd /root && exec sh -c "$0"' "$2"
`;

/** Does what the commands in qemu/boards/u-boot-env.txt make U-Boot do, and prints the partition that it boots. */
const BOOT_LOADER = `#!/bin/sh
set -e
printf '/dev/%s-disk %s 0x20000\\n' "$1" 0x800000 "$1" 0x1000000 >/machines/fw_env.config
get() { fw_printenv -c /machines/fw_env.config -n "$1" 2>/dev/null || :; }
set_all() { printf '%s\\n' "$@" | fw_setenv -c /machines/fw_env.config -s -; }
[ "$(get mender_saveenv_canary)" = 1 ] || set_all mender_saveenv_canary=1
part=$(get mender_boot_part)
if [ "$(get upgrade_available)" = 1 ]; then
  count=$(($(get bootcount) + 1))
  set_all bootcount=$count
  if [ $count -gt "$(get bootlimit)" ]; then
    part=$((5 - part))
    set_all mender_boot_part=$part mender_boot_part_hex=$part upgrade_available=0
  fi
fi
echo "$part"
`;

/** Fulfils \`scp FILE root@NAME:PATH\` through \`ssh\`. */
const SCP = `#!/bin/sh
path=\${2#*:}
case $path in */) path=$path\${1##*/} ;; esac
exec ssh "\${2%%:*}" "cat >'$path'" <"$1"
`;

/** Programs that stand in for a network with such devices, and for a user who may become root. */
export function uBootNetwork(device: Device): void {
  for (const [name, text] of Object.entries({ ssh: SSH, scp: SCP, sudo: '#!/bin/sh\nexec "$@"\n' }))
    device.put(`/opt/bin/${name}`, text, 0o755);
  for (const [name, text] of Object.entries({ enter: ENTER, "boot-loader": BOOT_LOADER }))
    device.put(`/machines/${name}`, text, 0o755);
  device.put("/usr/local/sbin/reboot", "#!/bin/sh\n: >/run/reboot\n", 0o755);
  // Places of the machine at which the device has something of its own.
  for (const path of ["/usr/bin", "/usr/lib/switchback", "/usr/share/mender"])
    mkdirSync(device.path(path), { recursive: true });
  symlinkSync("../lib/switchback/switchback.mjs", device.path("/usr/bin/switchback"));
  if (!device.has("/usr/bin/node")) device.put("/usr/bin/node", "");
}

/** Puts the disk image of the reader into a device of that name. */
export function insertDisk(device: Device, name: string, image: string): void {
  const own = device.path(`/machines/${name}/disk`);
  device.put(`/machines/${name}/disk`, "");
  copyFileSync(device.path(image), own);
  for (const [part, path] of attachDisk(own)) device.devices.set(`${name}-${part}`, path);
}

/** Makes block devices of a disk image and of its partitions. @returns their paths, by `disk`, `p1`, `p2` and so on */
export function attachDisk(image: string): ReadonlyMap<string, string> {
  const attach = (...options: readonly string[]): string =>
    execFileSync("losetup", ["--find", "--show", ...options, image], { encoding: "utf8" }).trim();
  const found = new Map([["disk", attach()]]);
  const { partitions } = JSON.parse(execFileSync("sfdisk", ["--json", image], { encoding: "utf8" })).partitiontable;
  for (const [index, { start, size }] of partitions.entries())
    found.set(`p${index + 1}`, attach("--offset", `${start * 512}`, "--sizelimit", `${size * 512}`));
  return found;
}

/** Switches the device off and on again. */
export const powerCycle = (device: Device, name: string): void => device.put(`/machines/${name}/run/reboot`, "");

/** A root filesystem in the folder `rootfs`, as a build would leave it: without an agent. */
export function rootfsFolder(device: Device): void {
  for (const name of ["boot", "data", "dev", "proc", "root", "run", "sys", "tmp", "uboot", "usr/lib", "var/lib"])
    mkdirSync(device.path(`rootfs/${name}`), { recursive: true });
  for (const name of ["bin", "lib", "lib64", "sbin"]) symlinkSync(`usr/${name}`, device.path(`rootfs/${name}`));
  device.put("rootfs/etc/os-release", 'PRETTY_NAME="My system 1"\n');
  device.put("rootfs/usr/bin/node", "", 0o755);
}
