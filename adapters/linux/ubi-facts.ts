import { readMounts } from "./mount-table.ts";
import type { RunningSystem } from "./running-system.ts";
import { ubiVolume } from "./ubi-volume.ts";

/** A volume is mounted as UBIFS under any of its names, or as the read-only block device over it. */
export async function isVolumeMounted(volume: string, system: RunningSystem): Promise<boolean> {
  const block = volume.replace("ubi", "/dev/ubiblock");
  for (const { source } of readMounts(await system.readText("/proc/self/mountinfo"))) {
    if (source === block || (await ubiVolume(source, system)) === volume) return true;
  }
  return false;
}

/**
 * What the volume can hold; `undefined` when there is no such volume. `data_bytes` is that for a dynamic volume, but
 * for a static one what it holds now.
 */
export async function volumeBytes(volume: string, system: RunningSystem): Promise<number | undefined> {
  const number = async (name: string): Promise<number> =>
    Number.parseInt((await system.readText(`/sys/class/ubi/${volume}/${name}`)) ?? "", 10);
  const blocks = (await number("reserved_ebs")) * (await number("usable_eb_size"));
  const bytes = Number.isNaN(blocks) ? await number("data_bytes") : blocks;
  return Number.isNaN(bytes) ? undefined : bytes;
}
