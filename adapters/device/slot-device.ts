import { AgentError } from "../../src/errors/agent-error.ts";
import type { SlotId } from "../../src/ports/bootloader.ts";
import type { SlotDevice } from "../../src/ports/slot-device.ts";
import { ALIGNMENT, allocateBuffers } from "../linux/aligned-buffers.ts";
import { type BlockAccess, type BlockFile, openBlockFile } from "../linux/block-file.ts";
import { isMounted } from "../linux/mounts.ts";
import { readStorage } from "../linux/read-storage.ts";
import { createCompareWriter } from "./compare-writer.ts";

export interface SlotDeviceOptions {
  /** Block device or image file of each slot. */
  readonly paths: Readonly<Record<SlotId, string>>;
  /** Slot of the running system. */
  booted(signal: AbortSignal): Promise<SlotId>;
  /** Opens the storage of a slot; tests supply storage that fails. */
  readonly openStorage?: (path: string, direct: boolean, access: BlockAccess) => Promise<BlockFile>;
}

/** 2 MiB keeps calls rare. Each of the 3 frames has two buffers, so they take 12 MiB. */
const FRAME_BYTES = 2 * 1024 * 1024;
const FRAMES = 3;
const READ_AHEAD = 3;

/**
 * The slots as block devices (SD card, eMMC, disk, loop) or image files. Writes bypass the page cache if the storage
 * supports that.
 */
export function createSlotDevice({ paths, booted, openStorage = openBlockFile }: SlotDeviceOptions): SlotDevice {
  return {
    async open(slot, image, signal) {
      const path = paths[slot];
      if ((await booted(signal)) === slot) throw new AgentError("SLOT_BUSY", { slot, path, reason: "booted" });
      const { buffers, aligned } = allocateBuffers(2 * FRAMES, frameBytes(image.imageBytes));
      const storage = await named(slot, path, async () => {
        if (await isMounted(path)) throw new AgentError("SLOT_BUSY", { slot, path, reason: "mounted" });
        return await openStorage(path, aligned, "write");
      });
      const { imageBytes } = image;
      if (imageBytes > storage.sizeBytes) {
        await storage.close();
        throw new AgentError("SLOT_TOO_SMALL", { slot, path, imageBytes, slotBytes: storage.sizeBytes });
      }
      return createCompareWriter(storage, { ...image, signal, buffers });
    },
    resumePoint: (_slot, bytes) => bytes - (bytes % ALIGNMENT),
    async *read(slot, bytes, signal) {
      const path = paths[slot];
      const { buffers, aligned } = allocateBuffers(READ_AHEAD, frameBytes(bytes));
      const storage = await named(slot, path, () => openStorage(path, aligned, "read"));
      yield* readStorage(storage, { bytes, buffers, signal });
    },
  };
}

/** Limits the memory to what `bytes` of content need. */
const frameBytes = (bytes: number): number =>
  Math.min(FRAME_BYTES, Math.max(1, Math.ceil(bytes / ALIGNMENT)) * ALIGNMENT);

async function named(slot: SlotId, path: string, open: () => Promise<BlockFile>): Promise<BlockFile> {
  try {
    return await open();
  } catch (cause) {
    if (cause instanceof AgentError) throw cause;
    const errno = cause instanceof Error && "code" in cause ? String(cause.code) : "unknown";
    // The kernel answers EBUSY for a device that is claimed, in this mount namespace or another.
    if (errno === "EBUSY") throw new AgentError("SLOT_BUSY", { slot, path, reason: "in use" }, cause);
    throw new AgentError("SLOT_IO", { slot, path, operation: "open", errno }, cause);
  }
}
