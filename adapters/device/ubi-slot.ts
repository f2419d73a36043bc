import { constants } from "node:fs";
import { open } from "node:fs/promises";
import { join } from "node:path";
import { AgentError } from "../../src/errors/agent-error.ts";
import type { SlotId } from "../../src/ports/bootloader.ts";
import type { Process } from "../../src/ports/process.ts";
import type { SlotDevice } from "../../src/ports/slot-device.ts";
import { allocateBuffers } from "../linux/aligned-buffers.ts";
import type { ReadableStorage } from "../linux/block-file.ts";
import { readStorage } from "../linux/read-storage.ts";
import { createRunningSystem, type RunningSystem } from "../linux/running-system.ts";
import { isVolumeMounted, volumeBytes } from "../linux/ubi-facts.ts";
import { ubiVolume } from "../linux/ubi-volume.ts";
import { createStreamWriter } from "./stream-writer.ts";

export interface UbiSlotOptions {
  /** `ubi0_1` or `/dev/ubi0_1` for each slot. */
  readonly paths: Readonly<Record<SlotId, string>>;
  /** Slot of the running system. */
  booted(signal: AbortSignal): Promise<SlotId>;
  readonly process: Process;
  readonly system?: RunningSystem;
  /** Folder with the volumes' device nodes. */
  readonly nodes?: string;
}

const PIECE_BYTES = 256 * 1024;
const PIECES = 3;
const MAX_OUTPUT_BYTES = 4 * 1024;
/** The tool runs as long as the download of the image, which takes hours on a slow link. */
const ONE_DAY_MS = 24 * 60 * 60 * 1000;

/**
 * The slots as UBI volumes on raw flash, written through `ubiupdatevol`: only an ioctl makes a volume accept a new
 * image, and Node has no ioctl. The update erases the volume's content, so this compares nothing and cannot resume an
 * image. A volume whose update was interrupted returns read errors until the next update. UBI bypasses the page cache,
 * and a completed write is on the flash.
 *
 * @throws {AgentError} also UBI_UPDATE, PROCESS_MISSING
 * @see ubiupdatevol(8) of mtd-utils
 */
export function createUbiSlotDevice(options: UbiSlotOptions): SlotDevice {
  const { paths, booted, process, system = createRunningSystem(), nodes = "/dev" } = options;
  return {
    async open(slot, { imageBytes }, signal) {
      const path = paths[slot];
      if ((await booted(signal)) === slot) throw new AgentError("SLOT_BUSY", { slot, path, reason: "booted" });
      const volume = await volumeOf(slot, path, system);
      if (await isVolumeMounted(volume, system)) throw new AgentError("SLOT_BUSY", { slot, path, reason: "mounted" });
      const slotBytes = await capacity(slot, path, volume, system);
      if (imageBytes > slotBytes) throw new AgentError("SLOT_TOO_SMALL", { slot, path, imageBytes, slotBytes });
      const { buffers } = allocateBuffers(PIECES, PIECE_BYTES);
      const limits = { timeoutMs: ONE_DAY_MS, maxOutputBytes: MAX_OUTPUT_BYTES };
      return createStreamWriter(
        async (chunks, stop) => {
          const argv = ["ubiupdatevol", join(nodes, volume), `--size=${imageBytes}`, "-"] as const;
          const { exitCode, stderr } = await process.run([...argv], limits, stop, chunks);
          if (exitCode === 0) return;
          throw new AgentError("UBI_UPDATE", { slot, path, status: exitCode ?? "killed", stderr: stderr.trim() });
        },
        { imageBytes, signal, buffers },
      );
    },
    resumePoint: () => 0,
    async *read(slot, bytes, signal) {
      const path = paths[slot];
      const volume = await volumeOf(slot, path, system);
      const storage = await openVolume(slot, join(nodes, volume), await capacity(slot, path, volume, system));
      yield* readStorage(storage, { bytes, signal, buffers: allocateBuffers(PIECES, PIECE_BYTES).buffers });
    },
  };
}

async function volumeOf(slot: SlotId, path: string, system: RunningSystem): Promise<string> {
  const volume = await ubiVolume(path, system);
  if (volume === undefined) throw new AgentError("SLOT_IO", { slot, path, reason: "not a UBI volume" });
  return volume;
}

async function capacity(slot: SlotId, path: string, volume: string, system: RunningSystem): Promise<number> {
  const bytes = await volumeBytes(volume, system);
  if (bytes === undefined) throw new AgentError("SLOT_IO", { slot, path, operation: "open", reason: "no such volume" });
  return bytes;
}

async function openVolume(slot: SlotId, node: string, sizeBytes: number): Promise<ReadableStorage> {
  try {
    const handle = await open(node, constants.O_RDONLY);
    return {
      sizeBytes,
      direct: false,
      async read(into, offset) {
        return (await handle.read(into, 0, into.length, offset)).bytesRead;
      },
      close: () => handle.close(),
    };
  } catch (cause) {
    const errno = cause instanceof Error && "code" in cause ? String(cause.code) : "unknown";
    throw new AgentError("SLOT_IO", { slot, path: node, operation: "open", errno }, cause);
  }
}
