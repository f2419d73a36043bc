import { createHash } from "node:crypto";
import { AgentError } from "../../../src/errors/agent-error.ts";
import type { SlotId } from "../../../src/ports/bootloader.ts";
import type { SlotDevice } from "../../../src/ports/slot-device.ts";

/** The image that a slot must hold. */
export interface ExpectedImage {
  readonly sizeBytes: number;
  /** Lower-case hex. */
  readonly sha256: string;
}

/**
 * Reads back what was written into `slot`. Storage is asked and not believed: a write that was acknowledged may have
 * gone nowhere, and the boot loader must not be told of such a slot. Hashing one chunk overlaps with reading the next.
 *
 * @throws {AgentError} SLOT_READBACK, SLOT_IO
 */
export async function verifySlot(
  slots: SlotDevice,
  slot: SlotId,
  { sizeBytes, sha256 }: ExpectedImage,
  signal: AbortSignal,
): Promise<void> {
  const hash = createHash("sha256");
  for await (const chunk of slots.read(slot, sizeBytes, signal)) hash.update(chunk);
  const actual = hash.digest("hex");
  if (actual !== sha256) throw new AgentError("SLOT_READBACK", { slot, expected: sha256, actual });
}
