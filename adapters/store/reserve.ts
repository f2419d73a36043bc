import { randomFillSync } from "node:crypto";
import { lstat } from "node:fs/promises";
import { dirname } from "node:path";
import type { FileActs } from "../../src/ports/files.ts";
import { errnoOf } from "../../src/util/errno.ts";

/** A power of two that holds the store of most devices many times over. */
const LEAST_BYTES = 64 * 1024;
/** A smaller reserve is made in such parts of it: at the least size in blocks of most file systems. */
const PARTS = 16;

/**
 * A file that holds room for another one: whoever finds the medium full gives it up, and writes where it was. It is
 * filled with random bytes, because zeros would take no room where the file system compresses.
 */
export interface Reserve {
  /**
   * Holds room for at least twice `bytes`. Resolves when durable.
   *
   * @throws the system's error, ENOSPC or EDQUOT where the medium is full
   */
  hold(bytes: number): Promise<void>;
  /** The same, or as much as there is room for, which may be nothing. */
  holdWhatFits(bytes: number): Promise<void>;
  /** Gives the room back. Whoever writes next finds it. @returns whether there was any */
  giveUp(): Promise<boolean>;
}

export function createReserve(path: string, acts: FileActs): Reserve {
  const building = `${path}.new`;
  const wanted = (bytes: number): number => {
    let size = LEAST_BYTES;
    while (size < 2 * bytes) size *= 2;
    return size;
  };

  /** Beside the room that is held already, which only goes when there is more. */
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
    // A folder, for one, cannot be renamed over.
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
      // All that fits: what is left free now, an update that is under way fills, and each change would hold less.
      for (let size = wanted(bytes); size > held; size -= part) {
        try {
          await fill(size);
          return;
        } catch (error) {
          // Otherwise less may fit. Without any, the store works as long as the medium has room.
          if (errnoOf(error) === undefined) throw error;
        }
      }
    },
    async giveUp() {
      // A power cut may have left all the room in a reserve that was not in its place yet.
      if ((await sizeOf(path)) + (await sizeOf(building)) === 0) return false;
      await acts.remove(building);
      await acts.remove(path);
      // Some file systems hand the room out again only when its removal is durable.
      await acts.syncFolder(dirname(path));
      return true;
    },
  };
}

/** 0 where there is none, or something else. */
async function sizeOf(path: string): Promise<number> {
  try {
    const found = await lstat(path);
    return found.isFile() ? found.size : 0;
  } catch {
    // ignored: whatever is in the way, no room is held.
    return 0;
  }
}
