import { mkdir, readFile, rename, rm, symlink, writeFile } from "node:fs/promises";
import { basename, join } from "node:path";
import { gzipSync } from "node:zlib";
import { run } from "../../image/run.ts";
import { type BoardName, loadBoard } from "../../qemu/image/board.ts";
import { buildSystem } from "../../qemu/image/system.ts";
import { FASTEST_KERNEL } from "../../qemu/rig/bench.ts";

/** The mounts of our own boards, which images of Yocto have in fstab instead. */
const MOUNTS = /^e2fsck [\s\S]*\$BOOT_MOUNT"$/m;
/** As in OE-Core, as far as this system has the folders. */
const FSTAB = "/dev/root / auto defaults 1 1\ntmpfs /run tmpfs mode=0755,nodev,nosuid,strictatime 0 0\n";
/** OE-Core names the file of the kernel by its version, and links to it. */
const KERNEL_VERSION = "6.1";
/** The modules and the first commands of GRUB as OE-Core builds it. */
const GRUB_MODULES =
  "boot linux ext2 fat serial part_msdos part_gpt normal efi_gop iso9660 configfile search loadenv test";
const GRUB_START = "search --file --set=root --hint-efi=$cmdpath /EFI/BOOT/grub.cfg\nset prefix=($root)/EFI/BOOT\n";
const GRUB_APPEND = "yocto-layer/dynamic-layers/core/recipes-bsp/grub/grub-efi_%.bbappend";
/** What the packages of the layer install. */
const OF_THE_AGENT = ["usr/lib/switchback", "usr/bin/switchback", "usr/share/mender", "etc/mender", "var/lib/mender"];

export interface KernelFiles {
  /** `KERNEL_IMAGETYPE`. */
  readonly image: string;
  /** `KERNEL_DEVICETREE`, if the board has one. */
  readonly deviceTree?: string | undefined;
}

/**
 * Writes the root filesystem of one of our own boards into `tree`, laid out as OE-Core does it. It holds programs of
 * Debian, because nothing is compiled for it, and the agent of `dist`. /etc/mender is left to `yocto configuration`.
 */
export async function writeSystemTree(
  name: BoardName,
  tree: string,
  { image, deviceTree }: KernelFiles,
): Promise<void> {
  const board = await loadBoard(name, FASTEST_KERNEL[name]);
  const system = await buildSystem(board, { version: "v1", agent: "dist" });
  const place = (path: string): string => join(tree, path);
  await run(["unsquashfs", "-quiet", "-no-progress", "-dest", tree, system]);
  for (const path of ["mender.conf", "artifact_info"]) await rm(place(`etc/mender/${path}`));
  const start = await readFile(place("etc/rcS"), "utf8");
  if (!MOUNTS.test(start)) throw new Error("etc/rcS has no mounts to replace");
  await writeFile(place("etc/rcS"), start.replace(MOUNTS, "mount -a"));
  await writeFile(place("etc/fstab"), FSTAB);
  // As OE-Core's package of dropbear. A feature of an image changes it.
  await mkdir(place("etc/default"), { recursive: true });
  await writeFile(place("etc/default/dropbear"), 'DROPBEAR_EXTRA_ARGS=""\n');
  await rename(place("boot/zImage"), place(`boot/${image}-${KERNEL_VERSION}`));
  await symlink(`${image}-${KERNEL_VERSION}`, place(`boot/${image}`));
  if (deviceTree === undefined) await adaptInitramfs(place("boot"), `${tree}-initramfs`);
  else await rename(place("boot/board.dtb"), place(`boot/${basename(deviceTree)}`));
}

/** Our initramfs has the drivers of the disk, and mounts a squashfs. What is appended to it replaces its files. */
async function adaptInitramfs(boot: string, work: string): Promise<void> {
  await mkdir(work);
  const init = (await readFile("qemu/guest/initramfs-init", "utf8")).replace("mount -t squashfs", "mount -t ext4");
  await writeFile(join(work, "init"), init, { mode: 0o755 });
  const added = await run(["cpio", "-o", "-H", "newc", "-R", "0:0", "--quiet"], { cwd: work, stdin: "init\n" });
  await writeFile(join(boot, "initrd"), Buffer.concat([await readFile(join(boot, "initrd.img")), gzipSync(added)]));
  await rm(join(boot, "initrd.img"));
  await rm(work, { recursive: true });
}

/** Writes GRUB into `boot`, with the modules that OE-Core and the layer put into it. */
export async function writeGrub(boot: string): Promise<void> {
  const append = await readFile(GRUB_APPEND, "utf8");
  const [, more = ""] = /^GRUB_BUILDIN:append:mender-grub = "(.*)"$/m.exec(append) ?? [];
  await mkdir(join(boot, "EFI/BOOT"), { recursive: true });
  const start = `${boot}-start.cfg`;
  await writeFile(start, GRUB_START);
  const modules = `${GRUB_MODULES}${more}`.split(" ");
  const program = join(boot, "EFI/BOOT/bootx64.efi");
  await run(["grub-mkimage", "-c", start, "-p", "/EFI/BOOT", "-O", "x86_64-efi", "-o", program, ...modules]);
  await rm(start);
}

/**
 * Writes what BitBake's stubs need for a disk that boots on a PC with UEFI firmware and an NVMe disk: `root`, a root
 * filesystem with a kernel and without the agent, and `boot`, the files of the boot partition. Replaces what is there.
 */
export async function writeBootable(folder: string): Promise<void> {
  const [root, boot] = [join(folder, "root"), join(folder, "boot")];
  for (const path of [root, `${root}-initramfs`, boot]) await rm(path, { recursive: true, force: true });
  await mkdir(folder, { recursive: true });
  await writeSystemTree("x86-64-grub", root, { image: "bzImage" });
  for (const path of OF_THE_AGENT) await rm(join(root, path), { recursive: true });
  await writeGrub(boot);
}
