import { lstat, rename, rm } from "node:fs/promises";

/**
 * Moves a finished file to its place. A file that is there goes to `aside` first. If `rename` replaced it, ext4 would
 * first find a place for all blocks of the new file, which takes as long as writing it. After a failure, the file that was
 * there is back.
 */
export async function moveTo(from: string, to: string, aside: string): Promise<void> {
  const found = await lstat(to).catch(() => undefined); // ignored: nothing is there, or `rename` says why it fails.
  if (found?.isFile() !== true) return rename(from, to);
  await rm(aside, { force: true });
  await rename(to, aside);
  try {
    await rename(from, to);
  } catch (error) {
    await rename(aside, to);
    throw error;
  }
}
