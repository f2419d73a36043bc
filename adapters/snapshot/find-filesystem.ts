import { readFile, stat } from "node:fs/promises";
import { dirname } from "node:path";
import { AgentError } from "../../src/errors/agent-error.ts";
import { deviceNumber } from "../linux/block-file.ts";
import { readMounts } from "../linux/mount-table.ts";

/** A filesystem on a block device. */
export interface Filesystem {
  /** `major:minor` of the device, and of the filesystem's files. */
  readonly number: string;
  /** Path of the device. */
  readonly device: string;
  /** A folder of the filesystem, if it is mounted and writable. */
  readonly folder: string | undefined;
}

/**
 * Finds the filesystem that contains a folder or file, or that is on a block device.
 *
 * @throws {AgentError} DUMP_SOURCE
 */
export async function findFilesystem(path: string): Promise<Filesystem> {
  const stats = await stat(path).catch((cause: unknown) => {
    throw new AgentError("DUMP_SOURCE", { path }, cause);
  });
  const isDevice = stats.isBlockDevice();
  const number = deviceNumber(isDevice ? stats.rdev : stats.dev);
  const device = isDevice ? path : await deviceOf(number, path);
  const mounts = readMounts(await readFile("/proc/self/mountinfo", "utf8")).filter((mount) => mount.number === number);
  // The last options are those of the filesystem, independent of the options of a mount.
  const isWritable = mounts.some(({ options }) => !options.split(",").includes("ro"));
  const folder = isDevice ? mounts[0]?.folder : stats.isDirectory() ? path : dirname(path);
  return { number, device, folder: isWritable ? folder : undefined };
}

async function deviceOf(number: string, path: string): Promise<string> {
  try {
    const name = /^DEVNAME=(.+)$/m.exec(await readFile(`/sys/dev/block/${number}/uevent`, "utf8"))?.[1];
    const device = `/dev/${name}`;
    if (deviceNumber((await stat(device)).rdev) === number) return device;
    throw new Error(`${device} is another device`);
  } catch (cause) {
    throw new AgentError("DUMP_SOURCE", { path, filesystem: number }, cause);
  }
}
