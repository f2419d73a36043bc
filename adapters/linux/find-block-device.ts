import type { RunningSystem } from "./running-system.ts";

/** Tags of `root=` and of mount sources, and the folder of udev's links for each. */
const TAGS: Readonly<Record<string, string>> = {
  PARTUUID: "by-partuuid",
  PARTLABEL: "by-partlabel",
  UUID: "by-uuid",
  LABEL: "by-label",
};
/** The kernel's key for the same tag in the `uevent` file of a partition; works without udev. */
const UEVENT: Readonly<Record<string, string>> = { PARTUUID: "PARTUUID", PARTLABEL: "PARTNAME" };
/** udev's key for what it has read from a device. */
const UDEV: Readonly<Record<string, string>> = { UUID: "ID_FS_UUID_ENC", LABEL: "ID_FS_LABEL_ENC" };

export interface FoundDevice {
  /** `major:minor` */
  readonly number: string;
  /** Why the name may mean another device; absent if only one device has the name. */
  readonly doubt?: string;
}

/**
 * Finds the device that a mount source or a `root=` argument names: a path, `PARTUUID=`, `PARTLABEL=`, `UUID=`,
 * `LABEL=`, `179:2`, or the old hexadecimal `b302`.
 *
 * @returns `undefined` if no device, or more than one, has the tag
 */
export async function findBlockDevice(name: string, system: RunningSystem): Promise<FoundDevice | undefined> {
  const [, tag, value] = /^([A-Z]+)=(.+)$/.exec(name) ?? [];
  if (tag !== undefined && value !== undefined) return findByTag(tag, value, encodeLink(value), system);
  const [, folder, link] = /^\/dev\/disk\/([^/]+)\/(.+)$/.exec(name) ?? [];
  const linkTag = Object.keys(TAGS).find((key) => TAGS[key] === folder);
  if (linkTag !== undefined && link !== undefined) return findByTag(linkTag, decodeLink(link), link, system);
  if (/^[0-9]+:[0-9]+$/.test(name)) return { number: name };
  // `/dev/root` in a mount table is not a device, unless udev has made it a link.
  if (name.startsWith("/")) return found(await system.blockNumber(name));
  if (/^[0-9a-f]{3,4}$/i.test(name)) {
    const old = Number.parseInt(name, 16);
    return { number: `${old >> 8}:${old & 0xff}` };
  }
  return undefined;
}

const found = (number: string | undefined, doubt?: string): FoundDevice | undefined =>
  number === undefined ? undefined : { number, ...(doubt !== undefined && { doubt }) };

/**
 * Looks at the records of the kernel and udev first: if several devices have one tag, a link names only the last of
 * them.
 */
async function findByTag(
  tag: string,
  value: string,
  link: string,
  system: RunningSystem,
): Promise<FoundDevice | undefined> {
  const folder = TAGS[tag];
  if (folder === undefined) return undefined;
  const numbers = await recorded(tag, value, link, system);
  if (numbers.length > 0) return numbers.length === 1 ? found(numbers[0]) : undefined;
  const path = `/dev/disk/${folder}/${tag === "PARTUUID" ? link.toLowerCase() : link}`;
  const doubt = `${path} is the only evidence, and another device may carry the same ${tag}`;
  return found(await system.blockNumber(path), tag === "PARTUUID" ? undefined : doubt);
}

/** The numbers of all devices with the tag. */
async function recorded(tag: string, value: string, link: string, system: RunningSystem): Promise<readonly string[]> {
  const numbers: string[] = [];
  const udevKey = UDEV[tag];
  if (udevKey !== undefined) {
    for (const file of await system.list("/run/udev/data")) {
      if (!/^b[0-9]+:[0-9]+$/.test(file)) continue;
      const lines = (await system.readText(`/run/udev/data/${file}`))?.split("\n") ?? [];
      if (lines.includes(`E:${udevKey}=${link}`)) numbers.push(file.slice(1));
    }
    return numbers;
  }
  const same = (a: string): boolean => (tag === "PARTUUID" ? a.toLowerCase() === value.toLowerCase() : a === value);
  for (const device of await system.list("/sys/class/block")) {
    const lines = (await system.readText(`/sys/class/block/${device}/uevent`))?.split("\n") ?? [];
    const key = `${UEVENT[tag]}=`;
    if (!lines.some((line) => line.startsWith(key) && same(line.slice(key.length)))) continue;
    const number = (await system.readText(`/sys/class/block/${device}/dev`))?.trim();
    if (number !== undefined) numbers.push(number);
  }
  return numbers;
}

/** Encodes like udev's link names: every special character becomes `\x20` or the like. */
const encodeLink = (value: string): string =>
  value.replace(/[\0-\x7f]/g, (char) =>
    /[0-9A-Za-z#+\-.:=@_]/.test(char) ? char : `\\x${char.charCodeAt(0).toString(16).padStart(2, "0")}`,
  );

const decodeLink = (link: string): string =>
  link.replace(/\\x([0-9a-f]{2})/g, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)));
