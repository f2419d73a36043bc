import { readFile, stat, statfs } from "node:fs/promises";
import { deviceNumber } from "../linux/block-file.ts";
import { lowerFolders, readMounts, rootMount } from "../linux/mount-table.ts";

/**
 * Size of the root file system in bytes, without its own metadata: an image of it is at least this large. For an
 * overlay, the size of the layer below, because the upper layer lies on the data partition or in memory.
 *
 * @param running device number of the running slot
 * @returns `undefined` if this process sees no mount of that slot's file system
 */
export async function rootBytes(running: string | undefined): Promise<number | undefined> {
  const mounts = readMounts(await readFile("/proc/self/mountinfo", "utf8"));
  const root = rootMount(mounts);
  if (root?.type !== "overlay") return await bytesOf("/");
  const places = mounts.filter(({ number }) => number === running).map(({ folder }) => folder);
  for (const folder of [...places, ...lowerFolders(root)]) {
    // Another mount may hide the folder by now.
    const found = await stat(folder).catch(() => undefined); // ignored: a hidden folder shows nothing.
    if (found !== undefined && deviceNumber(found.dev) === running) return await bytesOf(folder);
  }
  return undefined;
}

async function bytesOf(folder: string): Promise<number> {
  const { blocks, bsize } = await statfs(folder);
  return blocks * bsize;
}
