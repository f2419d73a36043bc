import type { RunningSystem } from "./running-system.ts";

/** Tags of `root=` and of mount sources, and where udev keeps links by them. */
const TAGS: Readonly<Record<string, string>> = {
  PARTUUID: "by-partuuid",
  PARTLABEL: "by-partlabel",
  UUID: "by-uuid",
  LABEL: "by-label",
};
/** The kernel's own word for the same, in `uevent` of a partition; works without udev. */
const UEVENT: Readonly<Record<string, string>> = { PARTUUID: "PARTUUID", PARTLABEL: "PARTNAME" };

/**
 * `major:minor` of the device that a mount source or a `root=` argument names: a path, `PARTUUID=`,
 * `PARTLABEL=`, `UUID=`, `LABEL=`, `179:2`, or the old hexadecimal `b302`.
 */
export async function findBlockDevice(name: string, system: RunningSystem): Promise<string | undefined> {
  const [, tag, value] = /^([A-Z]+)=(.+)$/.exec(name) ?? [];
  if (tag !== undefined && value !== undefined) return findByTag(tag, value, system);
  if (/^[0-9]+:[0-9]+$/.test(name)) return name;
  // `/dev/root` of a mount table is no device; where udev makes a link of it, the link tells.
  if (name.startsWith("/")) return system.blockNumber(name);
  if (/^[0-9a-f]{3,4}$/i.test(name)) {
    const old = Number.parseInt(name, 16);
    return `${old >> 8}:${old & 0xff}`;
  }
  return undefined;
}

async function findByTag(tag: string, value: string, system: RunningSystem): Promise<string | undefined> {
  const folder = TAGS[tag];
  if (folder === undefined) return undefined;
  const wanted = tag === "PARTUUID" ? value.toLowerCase() : value;
  const linked = await system.blockNumber(`/dev/disk/${folder}/${wanted}`);
  const key = UEVENT[tag];
  if (linked !== undefined || key === undefined) return linked;
  for (const device of await system.list("/sys/class/block")) {
    const lines = (await system.readText(`/sys/class/block/${device}/uevent`))?.split("\n") ?? [];
    const found = lines.find((line) => line.startsWith(`${key}=`))?.slice(key.length + 1);
    if ((tag === "PARTUUID" ? found?.toLowerCase() : found) !== wanted) continue;
    return (await system.readText(`/sys/class/block/${device}/dev`))?.trim();
  }
  return undefined;
}
