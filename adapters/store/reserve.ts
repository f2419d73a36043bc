import { randomFillSync } from "node:crypto";
import { lstat } from "node:fs/promises";
import { dirname } from "node:path";
import type { FileActs } from "../../src/ports/files.ts";
import { errnoOf } from "../../src/util/errno.ts";

/** A power of two that holds the store of most devices many times over. */
const LEAST_BYTES = 64 * 1024;
/**
 * When the full reserve does not fit, `holdWhatFits` tries sizes in steps of this fraction: 4 KiB for the smallest
 * reserve, the block size of most file systems.
 */
const PARTS = 16;

/**
 * A file that reserves space for another file. A writer that finds the file system full gives the reserve up and writes
 * into the freed space. The reserve holds random bytes, because zeros occupy no space on a file system that compresses.
 */
export interface Reserve {
  /**
   * Reserves space for at least twice `bytes`. Resolves when durable.
   *
   * @throws the system's error, ENOSPC or EDQUOT if the file system is full
   */
  hold(bytes: number): Promise<void>;
  /** Like `hold`, but reserves only as much as fits, possibly nothing. */
  holdWhatFits(bytes: number): Promise<void>;
  /** Frees the reserved space for the next write. @returns whether there was any */
  giveUp(): Promise<boolean>;
}

export function createReserve(path: string, acts: FileActs): Reserve {
  const building = `${path}.new`;
  const wanted = (bytes: number): number => {
    let size = LEAST_BYTES;
    while (size < 2 * bytes) size *= 2;
    return size;
  };

  /** Writes the new reserve beside the old one, and replaces the old one only when the new one is complete. */
  async function fill(size: number): Promise<void> {
    let left = size;
    const random = (into: Uint8Array): number => {
      const count = Math.min(left, into.length);
      randomFillSync(into, 0, count);
      left -= count;
      return count;
    };
    await acts.remove(building);
    try {
      await acts.storeSynced(building, random, 0o600);
    } catch (error) {
      await acts.remove(building);
      throw error;
    }
    // `rename` cannot replace a folder, for example.
    if ((await sizeOf(path)) === 0) await acts.remove(path);
    await acts.rename(building, path);
    await acts.syncFolder(dirname(path));
  }

  return {
    async hold(bytes) {
      if ((await sizeOf(path)) < wanted(bytes)) await fill(wanted(bytes));
    },
    async holdWhatFits(bytes) {
      const held = await sizeOf(path);
      const part = wanted(bytes) / PARTS;
      // Reserve all that fits now: a running update can fill the rest, and then each later change would reserve less.
      for (let size = wanted(bytes); size > held; size -= part) {
        try {
          await fill(size);
          return;
        } catch (error) {
          // Less may fit. The store works without a reserve as long as the file system has space.
          if (errnoOf(error) === undefined) throw error;
        }
      }
    },
    async giveUp() {
      // After a power cut, a reserve that was not renamed yet can hold all the space.
      if ((await sizeOf(path)) + (await sizeOf(building)) === 0) return false;
      await acts.remove(building);
      await acts.remove(path);
      // Some file systems reuse the space only after the removal is durable.
      await acts.syncFolder(dirname(path));
      return true;
    },
  };
}

/** Returns 0 if `path` does not exist or is not a regular file. */
async function sizeOf(path: string): Promise<number> {
  try {
    const found = await lstat(path);
    return found.isFile() ? found.size : 0;
  } catch {
    // ignored: without a readable file, no space is reserved.
    return 0;
  }
}
