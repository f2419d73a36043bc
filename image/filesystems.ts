import { lutimes, readdir, truncate, writeFile } from "node:fs/promises";
import { join, relative } from "node:path";
import { run } from "./run.ts";

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

export interface VfatOptions {
  readonly sizeBytes: number;
  readonly label: string;
  /** Eight hexadecimal digits. */
  readonly volumeId: string;
  /** Time of every file, in seconds since 1970. */
  readonly time: number;
}

/** Creates a FAT file system with the files and folders in `tree`, whose times it changes. */
export async function makeVfat(tree: string, path: string, options: VfatOptions): Promise<void> {
  const { sizeBytes, label, volumeId, time } = options;
  await writeFile(path, "");
  await truncate(path, sizeBytes);
  await run(["mkfs.vfat", "--invariant", "-i", volumeId, "-n", label.toUpperCase().slice(0, 11), path]);
  for (const name of [".", ...(await readdir(tree, { recursive: true }))]) await lutimes(join(tree, name), time, time);
  const names = (await readdir(tree)).toSorted();
  const env = { SOURCE_DATE_EPOCH: String(time) };
  if (names.length > 0)
    await run(["mcopy", "-s", "-p", "-m", "-Q", "-i", relative(tree, path), ...names, "::"], { cwd: tree, env });
}
