import { truncate, writeFile } from "node:fs/promises";
import { IMAGE_TIME, run } from "./run.ts";

const MIB = 1024 * 1024;
const UUID = "00000000-0000-4000-8000-000000000001";
const HASH_SEED = "00000000-0000-4000-8000-000000000002";
const VOLUME_ID = "5b5b5b5b";
/** What U-Boot and GRUB of these releases do not read. */
const WITHOUT = "^metadata_csum,^64bit,^metadata_csum_seed,^orphan_file";
/** The first inodes are the file system's own; the root folder is number 2. */
const ROOT_INODE = 2;
const FIRST_INODE = 11;

/** Compressed by themselves: a boot loader would unpack them twice, and GRUB takes two seconds for that. */
const AS_IT_IS = "uncompressed@name(zImage)||name(initrd.img)";

/** A compressed read-only file system of `tree`, all of it owned by root. The same tree gives the same bytes. */
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
 * An ext4 file system of `tree`, all of it owned by root, made without being root. The same tree gives the same
 * bytes: mke2fs takes over the times and owners of what it copies, so they are set in the image afterwards.
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

/** A FAT file system with the files and folders within `tree`. */
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
