import { readMounts } from "./mount-table.ts";
import type { RunningSystem } from "./running-system.ts";
import { ubiVolume } from "./ubi-volume.ts";

/** Whether the volume is mounted as UBIFS under any of its names, or as the read-only block device over it. */
export async function isVolumeMounted(volume: string, system: RunningSystem): Promise<boolean> {
  const block = volume.replace("ubi", "/dev/ubiblock");
  for (const { source } of readMounts(await system.readText("/proc/self/mountinfo"))) {
    if (source === block || (await ubiVolume(source, system)) === volume) return true;
  }
  return false;
}

/**
 * The capacity of the volume; `undefined` if it does not exist. `data_bytes` is the capacity of a dynamic volume, but
 * the current content of a static one.
 */
export async function volumeBytes(volume: string, system: RunningSystem): Promise<number | undefined> {
  const number = async (name: string): Promise<number> =>
    Number.parseInt((await system.readText(`/sys/class/ubi/${volume}/${name}`)) ?? "", 10);
  const blocks = (await number("reserved_ebs")) * (await number("usable_eb_size"));
  const bytes = Number.isNaN(blocks) ? await number("data_bytes") : blocks;
  return Number.isNaN(bytes) ? undefined : bytes;
}
