import { readFile, stat, statfs } from "node:fs/promises";
import { deviceNumber } from "../linux/block-file.ts";
import { lowerFolders, readMounts, rootMount } from "../linux/mount-table.ts";

/**
 * Bytes of the root file system without what it needs for itself: what an image of it holds at least. Of an overlay
 * that is the layer below, since the one above lies on the data partition or in memory.
 *
 * @param running number of the device that the running slot is
 * @returns `undefined` where the file system of that slot is mounted nowhere that can be seen
 */
export async function rootBytes(running: string | undefined): Promise<number | undefined> {
  const mounts = readMounts(await readFile("/proc/self/mountinfo", "utf8"));
  const root = rootMount(mounts);
  if (root?.type !== "overlay") return await bytesOf("/");
  const places = mounts.filter(({ number }) => number === running).map(({ folder }) => folder);
  for (const folder of [...places, ...lowerFolders(root)]) {
    // Another mount may have hidden it since.
    const found = await stat(folder).catch(() => undefined); // ignored: nothing is seen there.
    if (found !== undefined && deviceNumber(found.dev) === running) return await bytesOf(folder);
  }
  return undefined;
}

async function bytesOf(folder: string): Promise<number> {
  const { blocks, bsize } = await statfs(folder);
  return blocks * bsize;
}
