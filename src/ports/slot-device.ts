import type { MaybePromise } from "../util/byte-source.ts";
import type { SlotId } from "./bootloader.ts";

/**
 * Writes one image from the beginning of a slot, in order. Bytes go through `room` and `advance`, so a
 * source can read or inflate straight into the device's own (aligned) buffers.
 */
export interface SlotWriter {
  /** Free space to put the next bytes in; valid until `advance`. Waiting for it is the back-pressure. */
  room(): MaybePromise<Uint8Array>;
  /** The first `count` bytes of the last `room` are now part of the image. */
  advance(count: number): MaybePromise<void>;
  /** Resolves when every byte of the image is safe against power loss. @returns what was written and skipped */
  sync(): Promise<WriteStatistics>;
  /** Releases the device; without `sync` before it the slot's content is undefined. Idempotent. */
  close(): Promise<void>;
}

export interface WriteStatistics {
  readonly writtenBytes: number;
  /** Bytes that the slot already held, and that were therefore not written. */
  readonly skippedBytes: number;
}

/** The storage behind the two slots. */
export interface SlotDevice {
  /**
   * Opens `slot` for one image of `imageBytes`.
   *
   * @throws {AgentError} SLOT_BUSY (booted or mounted), SLOT_TOO_SMALL (before the first byte), SLOT_IO
   */
  open(slot: SlotId, imageBytes: number, signal: AbortSignal): Promise<SlotWriter>;
}
