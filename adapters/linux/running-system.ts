import { constants, realpathSync } from "node:fs";
import { open, readdir, readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { errnoOf } from "../../src/util/errno.ts";

/** What the running kernel and udev say about devices. Paths are the paths on the device. */
export interface RunningSystem {
  /** `undefined` if the file does not exist. */
  readText(path: string): Promise<string | undefined>;
  list(folder: string): Promise<readonly string[]>;
  /** Follows links. @throws the system's error */
  realpath(path: string): string;
  /** `major:minor` of the block device at `path`, or `undefined` if there is none. */
  blockNumber(path: string): Promise<string | undefined>;
  /**
   * `major:minor` of the file system that contains `path`; an anonymous number if the file system has no device or
   * several.
   */
  fileSystemNumber(path: string): Promise<string>;
  /** Whether the block device is claimed, by a mount in any namespace or by another exclusive user. */
  isClaimed(path: string): Promise<boolean>;
}

export interface RunningSystemOptions {
  /** Folder that stands for `/`; a test supplies its own /proc, /sys and /dev. */
  readonly root?: string;
  readonly stat?: (path: string) => Promise<{ readonly dev: number; readonly rdev: number; isBlockDevice(): boolean }>;
  readonly isClaimed?: (path: string) => Promise<boolean>;
}

export function createRunningSystem(options: RunningSystemOptions = {}): RunningSystem {
  const { root = "/", stat: statOf = stat, isClaimed = isDeviceClaimed } = options;
  const inside = (path: string): string => join(root, path);
  return {
    async readText(path) {
      try {
        return await readFile(inside(path), "utf8");
      } catch {
        // ignored: callers look elsewhere for what this kernel does not report.
        return undefined;
      }
    },
    async list(folder) {
      try {
        return (await readdir(inside(folder))).sort();
      } catch {
        // ignored: a kernel without this kind of device has no such folder.
        return [];
      }
    },
    realpath(path) {
      const real = realpathSync(inside(path));
      return root === "/" ? real : real.slice(realpathSync(root).length);
    },
    async blockNumber(path) {
      try {
        const stats = await statOf(inside(path));
        return stats.isBlockDevice() ? formatNumber(stats.rdev) : undefined;
      } catch {
        // ignored: without a node there is no number; the caller reports which device is missing.
        return undefined;
      }
    },
    async fileSystemNumber(path) {
      return formatNumber((await statOf(inside(path))).dev);
    },
    isClaimed: (path) => isClaimed(inside(path)),
  };
}

/** O_EXCL claims a block device, which fails while a mount holds it, in any namespace and behind any overlay. */
async function isDeviceClaimed(path: string): Promise<boolean> {
  try {
    await (await open(path, constants.O_RDONLY | constants.O_EXCL | constants.O_NONBLOCK)).close();
    return false;
  } catch (error) {
    return errnoOf(error) === "EBUSY";
  }
}

/** Decodes `st_dev` and `st_rdev` of Linux: 12 bits of major number and 20 bits of minor number, interleaved. */
function formatNumber(device: number): string {
  const low = device >>> 0;
  return `${(low >>> 8) & 0xfff}:${(low & 0xff) | ((low >>> 12) & 0xfff00)}`;
}
