import { type FileHandle, open } from "node:fs/promises";
import { fileSystemAt } from "../files/kind.ts";
import type { Place } from "../files/place.ts";
import type { FileSystemReport } from "./report.ts";
import { labelOf, type ReadAt, uuidOf } from "./superblock.ts";
import { describeExt } from "./superblock-ext.ts";
import { describeFat } from "./superblock-fat.ts";

/** What the file system at a place says about itself. `undefined` if no file system is known there. */
export async function describeFileSystem(place: Place): Promise<FileSystemReport | undefined> {
  const kind = await fileSystemAt(place);
  if (kind === undefined) return undefined;
  const file = await open(place.path);
  try {
    return (await DESCRIBERS[kind]?.(readerOf(file, place))) ?? { type: kind };
  } finally {
    await file.close();
  }
}

const DESCRIBERS: Readonly<Record<string, (read: ReadAt) => Promise<FileSystemReport>>> = {
  ext: describeExt,
  fat: describeFat,
  squashfs: async (read) => {
    const used = Number((await read(40, 8)).readBigUInt64LE(0));
    return { type: "squashfs", size: used, used };
  },
  swap: async (read) => {
    const bytes = await read(1024, 1024);
    const size = (bytes.readUInt32LE(4) + 1) * 4096;
    return { type: "swap", uuid: uuidOf(bytes.subarray(12, 28)), ...labelOf(bytes.subarray(28, 44)), size };
  },
};

function readerOf(file: FileHandle, { offset, size }: Place): ReadAt {
  return async (from, length) => {
    const bytes = Buffer.alloc(length);
    await file.read(bytes, 0, Math.max(0, Math.min(length, size - from)), offset + from);
    return bytes;
  };
}
