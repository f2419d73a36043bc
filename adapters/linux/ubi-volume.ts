import type { RunningSystem } from "./running-system.ts";

/**
 * Name of a UBI volume's node, `ubi0_1`, for each way to write the volume: `ubi0_1`, `/dev/ubi0_1`, `ubi0:rootfsb`,
 * `ubi:rootfsb`, `ubi0!rootfsb`.
 *
 * @returns `undefined` if `text` does not name a UBI volume, or its name does not exist
 */
export async function ubiVolume(text: string, system: RunningSystem): Promise<string | undefined> {
  const numbered = /^(?:\/dev\/)?(ubi[0-9]+_[0-9]+)$/.exec(text)?.[1];
  if (numbered !== undefined) return numbered;
  const [, device, name] = /^ubi([0-9]*)[:!](.+)$/.exec(text) ?? [];
  if (device === undefined || name === undefined) return undefined;
  const prefix = `ubi${device === "" ? "0" : device}_`;
  for (const volume of await system.list("/sys/class/ubi")) {
    if (!volume.startsWith(prefix)) continue;
    if ((await system.readText(`/sys/class/ubi/${volume}/name`))?.trim() === name) return volume;
  }
  return undefined;
}
