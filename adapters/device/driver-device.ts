import { existsSync } from "node:fs";
import { AgentError } from "../../src/errors/agent-error.ts";
import type { SlotId } from "../../src/ports/bootloader.ts";
import type { SlotDevice } from "../../src/ports/slot-device.ts";
import type { SlotDriver } from "../../src/ports/slot-driver.ts";
import { allocateBuffers } from "../linux/aligned-buffers.ts";
import { isMounted } from "../linux/mounts.ts";
import { createStreamWriter } from "./stream-writer.ts";

export interface DriverDeviceOptions {
  readonly driver: SlotDriver;
  /** The configured paths of the slots; they need not be file names. */
  readonly paths: Readonly<Record<SlotId, string>>;
  /** Slot of the running system. */
  booted(signal: AbortSignal): Promise<SlotId>;
}

const PIECE_BYTES = 256 * 1024;
const PIECES = 3;

/**
 * The slots behind the board's own driver. The agent itself prevents what would brick a board: before it asks the
 * driver to write, it rejects the booted slot, a mounted slot, and an image that does not fit. It compares nothing and
 * cannot resume an image.
 *
 * @throws {AgentError} also what the driver reports
 */
export function createDriverDevice({ driver, paths, booted }: DriverDeviceOptions): SlotDevice {
  return {
    async open(slot, { imageBytes }, signal) {
      const path = paths[slot];
      if ((await booted(signal)) === slot) throw new AgentError("SLOT_BUSY", { slot, path, reason: "booted" });
      if (existsSync(path) && (await isMounted(path)))
        throw new AgentError("SLOT_BUSY", { slot, path, reason: "mounted" });
      const slotBytes = await driver.size(slot, signal);
      if (imageBytes > slotBytes) throw new AgentError("SLOT_TOO_SMALL", { slot, path, imageBytes, slotBytes });
      const { buffers } = allocateBuffers(PIECES, PIECE_BYTES);
      return createStreamWriter((chunks, stop) => driver.write(slot, imageBytes, chunks, stop), {
        imageBytes,
        signal,
        buffers,
      });
    },
    resumePoint: () => 0,
    async *read(slot, bytes, signal) {
      let offset = 0;
      for await (const chunk of driver.read(slot, bytes, signal)) {
        signal.throwIfAborted();
        offset += chunk.length;
        if (offset > bytes) throw new AgentError("SLOT_IO", { slot, operation: "read", offset, bytes });
        yield chunk;
      }
      if (offset < bytes) throw new AgentError("SLOT_IO", { slot, operation: "read", offset, moved: 0 });
    },
  };
}
