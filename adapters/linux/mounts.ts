import { readdir, readFile, realpath, stat } from "node:fs/promises";
import { deviceNumber } from "./block-file.ts";

/**
 * Whether the block device at `path`, under this name or another, is mounted in this mount namespace. For an image
 * file, whether a loop device over it is mounted.
 *
 * @throws the error of stat(2) if nothing exists at `path`
 */
export async function isMounted(path: string): Promise<boolean> {
  const stats = await stat(path);
  const numbers = stats.isBlockDevice() ? [deviceNumber(stats.rdev)] : await loopDevicesOver(await realpath(path));
  if (numbers.length === 0) return false;
  const mounted = await mountedNumbers();
  return numbers.some((number) => mounted.has(number));
}

/** `major:minor` of everything mounted: the number of each file system, and of the device named as its source. */
async function mountedNumbers(): Promise<ReadonlySet<string>> {
  const lines = (await readFile("/proc/self/mountinfo", "utf8")).split("\n");
  const numbers = new Set<string>();
  for (const line of lines) {
    const number = line.split(" ", 3)[2];
    if (number !== undefined) numbers.add(number);
    // btrfs and others report a different number from that of the device below.
    const source = line.split(" - ")[1]?.split(" ")[1];
    if (source?.startsWith("/") === true) {
      const device = await blockDeviceNumber(unescapeOctal(source));
      if (device !== undefined) numbers.add(device);
    }
  }
  return numbers;
}

async function blockDeviceNumber(path: string): Promise<string | undefined> {
  try {
    const stats = await stat(path);
    return stats.isBlockDevice() ? deviceNumber(stats.rdev) : undefined;
  } catch {
    // ignored: the node of a mounted device may be gone; the same line contains its number.
    return undefined;
  }
}

async function loopDevicesOver(file: string): Promise<readonly string[]> {
  const numbers: string[] = [];
  for (const name of await list("/sys/block")) {
    if (!name.startsWith("loop")) continue;
    const backing = await readText(`/sys/block/${name}/loop/backing_file`);
    const number = await readText(`/sys/block/${name}/dev`);
    if (backing === file && number !== undefined) numbers.push(number);
  }
  return numbers;
}

async function list(folder: string): Promise<readonly string[]> {
  try {
    return await readdir(folder);
  } catch {
    // ignored: a kernel without sysfs block entries has no loop devices to look for.
    return [];
  }
}

async function readText(path: string): Promise<string | undefined> {
  try {
    return (await readFile(path, "utf8")).replace(/\n$/, "");
  } catch {
    // ignored: a loop device without a backing file has no such entry.
    return undefined;
  }
}

/** The kernel writes a space in a name as `\040`. */
function unescapeOctal(text: string): string {
  return text.replace(/\\([0-7]{3})/g, (_, octal: string) => String.fromCharCode(Number.parseInt(octal, 8)));
}
