import { constants, realpathSync } from "node:fs";
import { open, readdir, readFile, stat } from "node:fs/promises";
import { join } from "node:path";

/** What the running kernel and udev say about devices. Paths are those of the device itself. */
export interface RunningSystem {
  /** `undefined` when there is no such file. */
  readText(path: string): Promise<string | undefined>;
  list(folder: string): Promise<readonly string[]>;
  /** Follows links. @throws the system's error */
  realpath(path: string): string;
  /** `major:minor` of the block device at `path`, or `undefined` when there is none. */
  blockNumber(path: string): Promise<string | undefined>;
  /** `major:minor` of the file system that `path` lies on; of no device where the file system has none or several. */
  fileSystemNumber(path: string): Promise<string>;
  /** Whether the kernel has given the block device to a mount, wherever it is, or to somebody else who claims it. */
  isClaimed(path: string): Promise<boolean>;
}

export interface RunningSystemOptions {
  /** Folder that stands for `/`; a test's tree of /proc, /sys and /dev. */
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
        // ignored: what a kernel does not tell is looked for elsewhere.
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
        // ignored: no node, no number; the caller says which device it could not find.
        return undefined;
      }
    },
    async fileSystemNumber(path) {
      return formatNumber((await statOf(inside(path))).dev);
    },
    isClaimed: (path) => isClaimed(inside(path)),
  };
}

/** O_EXCL on a block device claims it, which fails while a mount holds it, in any namespace and behind any overlay. */
async function isDeviceClaimed(path: string): Promise<boolean> {
  try {
    await (await open(path, constants.O_RDONLY | constants.O_EXCL | constants.O_NONBLOCK)).close();
    return false;
  } catch (error) {
    return error instanceof Error && "code" in error && error.code === "EBUSY";
  }
}

/** Linux's encoding of `st_dev` and `st_rdev`: 12 bits of major number, 20 of minor, in an order of its own. */
function formatNumber(device: number): string {
  const low = device >>> 0;
  return `${(low >>> 8) & 0xfff}:${(low & 0xff) | ((low >>> 12) & 0xfff00)}`;
}
