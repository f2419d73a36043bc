import { stat } from "node:fs/promises";
import type { SlotFacts } from "../../src/ports/board-facts.ts";
import { createRunningSystem, type RunningSystem } from "../bootloader/running-system.ts";
import { ubiVolume } from "../bootloader/ubi-volume.ts";
import { deviceNumber, sizeOf } from "../device/block-file.ts";
import { isMounted } from "../device/mounts.ts";
import { isVolumeMounted, volumeBytes } from "../device/ubi-facts.ts";

/** What lies at a slot's path. Opens nothing, so it disturbs nobody who uses the slot. @throws the system's error */
export async function lookAtSlot(path: string, system: RunningSystem = createRunningSystem()): Promise<SlotFacts> {
  const volume = await ubiVolume(path, system);
  if (volume !== undefined) return await lookAtVolume(path, volume, system);
  const stats = await stat(path).catch((error: unknown) => {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return undefined;
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

async function lookAtVolume(path: string, volume: string, system: RunningSystem): Promise<SlotFacts> {
  const sizeBytes = await volumeBytes(volume, system);
  if (sizeBytes === undefined) return { path, kind: "missing", isMounted: false };
  return { path, kind: "UBI volume", identity: volume, sizeBytes, isMounted: await isVolumeMounted(volume, system) };
}
