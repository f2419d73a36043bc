import { truncate, writeFile } from "node:fs/promises";
import { IMAGE_TIME, run } from "./run.ts";

const MIB = 1024 * 1024;
const UUID = "00000000-0000-4000-8000-000000000001";
const HASH_SEED = "00000000-0000-4000-8000-000000000002";
const VOLUME_ID = "5b5b5b5b";
/** Features that these releases of U-Boot and GRUB cannot read. */
const WITHOUT = "^metadata_csum,^64bit,^metadata_csum_seed,^orphan_file";
/** The first inodes are reserved; the root folder is number 2. */
const ROOT_INODE = 2;
const FIRST_INODE = 11;

/** Already compressed: a boot loader would unpack them twice, which takes GRUB two seconds. */
const AS_IT_IS = "uncompressed@name(zImage)||name(initrd.img)";

/** Creates a compressed read-only file system from `tree`, owned by root. The same tree gives the same bytes. */
export async function makeSquashfs(tree: string, path: string, compression: "gzip" | "zstd"): Promise<void> {
  await run([
    "mksquashfs",
    tree,
    path,
    "-noappend",
    "-quiet",
    "-no-progress",
    "-all-root",
    "-no-xattrs",
    "-comp",
    compression,
    "-Xcompression-level",
    "6",
    "-b",
    "128K",
    "-action",
    AS_IT_IS,
  ]);
}

/**
 * Creates an ext4 file system from `tree`, owned by root, without root privileges. The same tree gives the same bytes:
 * mke2fs copies the times and owners of the files, so they are set in the image afterwards.
 */
export async function makeExt4(tree: string, path: string, sizeMiB: number, label: string): Promise<void> {
  await writeFile(path, "");
  await truncate(path, sizeMiB * MIB);
  const env = { E2FSPROGS_FAKE_TIME: String(IMAGE_TIME) };
  const extended = `hash_seed=${HASH_SEED},lazy_itable_init=0,root_owner=0:0`;
  await run(["mke2fs", "-q", "-t", "ext4", "-O", WITHOUT, "-U", UUID, "-E", extended, "-L", label, "-d", tree, path], {
    env,
  });
  const count = (await run(["find", tree, "-printf", "."])).length;
  const inodes = [ROOT_INODE, ...Array.from({ length: count }, (_, index) => FIRST_INODE + index)];
  const fields = ["uid 0", "gid 0", ...["atime", "ctime", "mtime", "crtime"].map((name) => `${name} @${IMAGE_TIME}`)];
  const script = inodes.flatMap((inode) => fields.map((field) => `set_inode_field <${inode}> ${field}\n`)).join("");
  await run(["debugfs", "-w", "-f", "-", path], { env, stdin: script });
}

/** Creates a FAT file system with the files and folders in `tree`. */
export async function makeVfat(tree: string, path: string, sizeMiB: number, label: string): Promise<void> {
  await writeFile(path, "");
  await truncate(path, sizeMiB * MIB);
  await run(["mkfs.vfat", "-n", label, "-i", VOLUME_ID, "--invariant", path]);
  await run(["find", ".", "-exec", "touch", "-h", "-d", `@${IMAGE_TIME}`, "{}", "+"], { cwd: tree });
  const names = (await run(["find", ".", "-mindepth", "1", "-maxdepth", "1", "-printf", "%P\\0"], { cwd: tree }))
    .toString()
    .split("\0")
    .filter(Boolean)
    .toSorted();
  if (names.length > 0) await run(["mcopy", "-s", "-p", "-m", "-i", path, ...names, "::"], { cwd: tree });
}
