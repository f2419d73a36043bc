import { createHash } from "node:crypto";
import { crc32 } from "node:zlib";
import { AgentError } from "../../../src/errors/agent-error.ts";
import type { SlotId } from "../../../src/ports/bootloader.ts";
import type { PayloadFile } from "../../../src/ports/payload-handler.ts";
import type { SlotDevice } from "../../../src/ports/slot-device.ts";

/**
 * Reads back what was written into `slot`. Storage is asked and not believed: a write that was acknowledged may have
 * gone nowhere, and the boot loader must not be told of such a slot. Hashing one chunk overlaps with reading the next.
 *
 * @param sentCrc CRC-32 of what was written, for a file whose checksum nobody has compared yet: then the fault may lie
 * in what was sent
 * @throws {AgentError} SLOT_READBACK; ARTIFACT_CHECKSUM when the slot holds what was sent, and that is not the image;
 * SLOT_IO
 */
export async function verifySlot(
  slots: SlotDevice,
  slot: SlotId,
  { name, sizeBytes, sha256 }: Pick<PayloadFile, "name" | "sizeBytes" | "sha256">,
  sentCrc: number | undefined,
  signal: AbortSignal,
): Promise<void> {
  const hash = createHash("sha256");
  for await (const chunk of slots.read(slot, sizeBytes, signal)) hash.update(chunk);
  const actual = hash.digest("hex");
  if (actual === sha256) return;
  if (sentCrc !== undefined && (await storedCrc(slots, slot, sizeBytes, signal)) === sentCrc)
    throw new AgentError("ARTIFACT_CHECKSUM", { file: name, expected: sha256, actual });
  throw new AgentError("SLOT_READBACK", { slot, expected: sha256, actual });
}

async function storedCrc(slots: SlotDevice, slot: SlotId, sizeBytes: number, signal: AbortSignal): Promise<number> {
  let crc = 0;
  for await (const chunk of slots.read(slot, sizeBytes, signal)) crc = crc32(chunk, crc);
  return crc;
}
