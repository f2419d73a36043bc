import { type FileHandle, open, truncate, writeFile } from "node:fs/promises";
import type { DiskImage } from "../disk-image.ts";
import { run } from "../run.ts";
import { isSet } from "./allocator.ts";
import { EXT4_BLOCK, Geometry, INODE_BYTES } from "./geometry.ts";

/** Features that U-Boot and GRUB can read, whatever the configuration of mke2fs on this machine. */
const FEATURES = [
  ...["none", "has_journal", "ext_attr", "resize_inode", "dir_index", "filetype", "extent", "flex_bg", "sparse_super"],
  ...["large_file", "huge_file", "dir_nlink", "extra_isize"],
].join();
/** A small filesystem gets more inodes for its size, as mke2fs does by default. */
const SMALL_BYTES = 512 * 1024 * 1024;
const CHUNK_BLOCKS = 256;
/** The first block of the second inode, behind the header of its extents. */
const ROOT_EXTENT_AT = INODE_BYTES + 40 + 12 + 8;

export interface Ext4Options {
  readonly sizeBytes: number;
  readonly label: string;
  readonly uuid: string;
  /** Time of the filesystem and of folders that the entries lack, in seconds since 1970. */
  readonly time: number;
  /** Names the filesystem in messages. */
  readonly place: string;
}

export interface EmptyExt4 {
  readonly geometry: Geometry;
  readonly blockBitmaps: readonly Buffer[];
  readonly inodeBitmaps: readonly Buffer[];
  /** The block of the root folder. */
  readonly rootBlock: number;
}

/** Copies the used blocks of an empty filesystem into the image. @param path a file of `makeEmptyExt4` */
export async function putEmptyExt4(
  path: string,
  image: DiskImage,
  offset: number,
  sizeBytes: number,
): Promise<EmptyExt4> {
  const file = await open(path, "r");
  try {
    return await copyUsed(file, image, offset, sizeBytes);
  } finally {
    await file.close();
  }
}

/** Lets mke2fs make an empty filesystem in a new sparse file. */
export async function makeEmptyExt4(path: string, options: Ext4Options): Promise<void> {
  const { sizeBytes, label, uuid, time } = options;
  await writeFile(path, "");
  await truncate(path, sizeBytes);
  const extended = `hash_seed=${uuid},lazy_itable_init=0,lazy_journal_init=0,root_owner=0:0,nodiscard`;
  const ratio = sizeBytes < SMALL_BYTES ? "4096" : "16384";
  const env = { MKE2FS_CONFIG: "/dev/null", E2FSPROGS_FAKE_TIME: String(time), SOURCE_DATE_EPOCH: String(time) };
  const shape = ["-b", String(EXT4_BLOCK), "-I", "256", "-i", ratio, "-m", "1", "-O", FEATURES];
  await run(["mke2fs", "-q", "-F", "-t", "ext4", ...shape, "-U", uuid, "-E", extended, "-L", label, path], { env });
}

async function copyUsed(file: FileHandle, image: DiskImage, offset: number, sizeBytes: number): Promise<EmptyExt4> {
  const read = async (block: number, blocks: number): Promise<Buffer> => {
    const length = blocks * EXT4_BLOCK;
    return (await file.read(Buffer.alloc(length), 0, length, block * EXT4_BLOCK)).buffer;
  };
  const geometry = new Geometry(await read(0, Geometry.headBytes(sizeBytes) / EXT4_BLOCK));
  const blockBitmaps: Buffer[] = [];
  const inodeBitmaps: Buffer[] = [];
  for (const [index, { blockBitmap, inodeBitmap }] of geometry.groups.entries()) {
    const bitmap = await read(blockBitmap, 1);
    blockBitmaps.push(bitmap);
    inodeBitmaps.push(await read(inodeBitmap, 1));
    const first = index * geometry.blocksPerGroup;
    const count = Math.min(geometry.blocksPerGroup, geometry.blocks - first);
    for (let at = 0; at < count; ) {
      let length = 0;
      while (length < CHUNK_BLOCKS && at + length < count && isSet(bitmap, at + length)) length++;
      if (length > 0) await image.write(await read(first + at, length), offset + (first + at) * EXT4_BLOCK);
      at += Math.max(length, 1);
    }
  }
  const root = await read(geometry.groups[0]?.inodeTable ?? 0, 1);
  return { geometry, blockBitmaps, inodeBitmaps, rootBlock: root.readUInt32LE(ROOT_EXTENT_AT) };
}
