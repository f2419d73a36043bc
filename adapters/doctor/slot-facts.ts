import { stat } from "node:fs/promises";
import type { SlotFacts } from "../../src/ports/board-facts.ts";
import { errnoOf } from "../../src/util/errno.ts";
import { deviceNumber, sizeOf } from "../linux/block-file.ts";
import { isMounted } from "../linux/mounts.ts";
import { createRunningSystem, type RunningSystem } from "../linux/running-system.ts";
import { isVolumeMounted, volumeBytes } from "../linux/ubi-facts.ts";
import { ubiVolume } from "../linux/ubi-volume.ts";

/** Collects facts about a slot's path without opening it, so no user of it is disturbed. @throws the system's error */
export async function collectSlotFacts(
  path: string,
  system: RunningSystem = createRunningSystem(),
): Promise<SlotFacts> {
  const volume = await ubiVolume(path, system);
  if (volume !== undefined) return await collectVolumeFacts(path, volume, system);
  const stats = await stat(path).catch((error: unknown) => {
    if (errnoOf(error) === "ENOENT") return undefined;
    throw error;
  });
  if (stats === undefined) return { path, kind: "missing", isMounted: false };
  if (!stats.isFile() && !stats.isBlockDevice()) return { path, kind: "neither", isMounted: false };
  return {
    path,
    kind: stats.isFile() ? "file" : "block device",
    identity: stats.isFile() ? `${stats.dev}/${stats.ino}` : deviceNumber(stats.rdev),
    sizeBytes: await sizeOf(path, stats),
    isMounted: await isMounted(path),
  };
}

async function collectVolumeFacts(path: string, volume: string, system: RunningSystem): Promise<SlotFacts> {
  const sizeBytes = await volumeBytes(volume, system);
  if (sizeBytes === undefined) return { path, kind: "missing", isMounted: false };
  return { path, kind: "UBI volume", identity: volume, sizeBytes, isMounted: await isVolumeMounted(volume, system) };
}
