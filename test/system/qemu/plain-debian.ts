import { execFileSync } from "node:child_process";
import { mkdirSync, rmSync, symlinkSync, truncateSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { cached } from "../../../image/cache.ts";

const MIB = 1024 * 1024;
const SUITE = "trixie";
const PACKAGES = [
  ...["systemd-sysv", "udev", "linux-image-cloud-amd64", "initramfs-tools", "nodejs", "util-linux", "kmod"],
  ...["e2fsprogs", "zstd", "dbus", "dropbear-bin"],
];
/** Manuals and translations would double the size. */
const LEFT_OUT = ["/usr/share/doc/*", "/usr/share/man/*", "/usr/share/locale/*", "/usr/share/info/*"];
const ROOT = { startMiB: 8, sizeMiB: 400 };

const SSH_UNIT = `[Unit]
After=systemd-networkd.service data.mount
RequiresMountsFor=/data
[Service]
ExecStartPre=/bin/mkdir -p /data/dropbear
ExecStart=/usr/sbin/dropbear -F -E -R -s
`;

const FILES: Readonly<Record<string, string>> = {
  "etc/version": "v1\n",
  "etc/systemd/network/lan.network": "[Match]\nName=e*\n[Network]\nAddress=10.0.2.15/24\nGateway=10.0.2.2\n",
  // An emulated processor is slow: no device must be late.
  "etc/systemd/system.conf.d/slow.conf": "[Manager]\nDefaultDeviceTimeoutSec=3600\nDefaultTimeoutStartSec=3600\n",
  "etc/systemd/system/ssh-server.service": SSH_UNIT,
};
const ENABLED = ["/etc/systemd/system/ssh-server.service", "/usr/lib/systemd/system/systemd-networkd.service"];

/**
 * An image of Debian with one root filesystem, as users make it with mmdebstrap.
 *
 * @param authorized public key that may log in as root
 */
export async function plainDebian(folder: string, authorized: string): Promise<string> {
  const packed = await cached("plain-debian", [SUITE, ...PACKAGES], ["test/system/qemu/plain-debian.ts"], download);
  const tree = join(folder, "tree");
  mkdirSync(tree);
  execFileSync("tar", ["-C", tree, "-xf", join(packed, "root.tar")]);
  for (const [name, text] of Object.entries(FILES)) {
    mkdirSync(dirname(join(tree, name)), { recursive: true });
    writeFileSync(join(tree, name), text);
  }
  mkdirSync(join(tree, "root/.ssh"), { recursive: true, mode: 0o700 });
  writeFileSync(join(tree, "root/.ssh/authorized_keys"), authorized, { mode: 0o600 });
  const wants = join(tree, "etc/systemd/system/multi-user.target.wants");
  mkdirSync(wants, { recursive: true });
  for (const unit of ENABLED) symlinkSync(unit, join(wants, unit.slice(unit.lastIndexOf("/") + 1)));
  // It cannot start on a root filesystem that is read-only, and a reboot would wait for it.
  symlinkSync("/dev/null", join(tree, "etc/systemd/system/systemd-logind.service"));
  // The root filesystem is mounted read-only, and each device has its own keys.
  rmSync(join(tree, "etc/dropbear"), { recursive: true, force: true });
  symlinkSync("/data/dropbear", join(tree, "etc/dropbear"));
  const image = join(folder, "debian.img");
  writeFileSync(image, "");
  truncateSync(image, (ROOT.startMiB + ROOT.sizeMiB + 8) * MIB);
  const table = `label: gpt\nstart=${ROOT.startMiB}MiB, size=${ROOT.sizeMiB}MiB, type=linux\n`;
  execFileSync("sfdisk", ["--quiet", image], { input: table, stdio: ["pipe", "ignore", "pipe"] });
  const place = ["-E", `offset=${ROOT.startMiB * MIB}`, image, `${ROOT.sizeMiB}M`];
  execFileSync("mke2fs", ["-q", "-t", "ext4", "-d", tree, ...place], { stdio: ["ignore", "ignore", "pipe"] });
  rmSync(tree, { recursive: true });
  return image;
}

async function download(folder: string): Promise<void> {
  const options = ["--mode=root", "--variant=minbase", `--include=${PACKAGES.join()}`, "--dpkgopt=force-unsafe-io"];
  const left = LEFT_OUT.map((paths) => `--dpkgopt=path-exclude=${paths}`);
  execFileSync("mmdebstrap", [...options, ...left, SUITE, join(folder, "root.tar")], {
    stdio: ["ignore", "ignore", "pipe"],
  });
}
