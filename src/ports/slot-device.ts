import type { MaybePromise } from "../util/byte-source.ts";
import type { SlotId } from "./bootloader.ts";

/** What is to be written into a slot. */
export interface SlotImage {
  readonly imageBytes: number;
  /**
   * Where the writer begins; the slot holds what comes before it already. A `resumePoint`; without it the image is
   * written from its beginning.
   */
  readonly fromBytes?: number;
}

/**
 * Writes one image into a slot, in order. Bytes go through `room` and `advance`, so a
 * source can read or inflate straight into the device's own (aligned) buffers.
 */
export interface SlotWriter {
  /** Free space to put the next bytes in; valid until `advance`. Waiting for it is the back-pressure. */
  room(): MaybePromise<Uint8Array>;
  /** The first `count` bytes of the last `room` are now part of the image. */
  advance(count: number): MaybePromise<void>;
  /**
   * Makes what has been advanced safe against power loss, as far as whole pieces reach; the image goes on behind it.
   *
   * @returns bytes from the image's beginning that survive from now on: a `resumePoint`
   */
  checkpoint(): Promise<number>;
  /** Resolves when every byte of the image is safe against power loss. @returns what was written and skipped */
  sync(): Promise<WriteStatistics>;
  /** Releases the device; without `sync` before it the slot's content is undefined. Idempotent. */
  close(): Promise<void>;
}

/** Of this writer: what it was told to leave alone counts for neither. */
export interface WriteStatistics {
  readonly writtenBytes: number;
  /** Bytes that the slot already held, and that were therefore not written. */
  readonly skippedBytes: number;
}

/** The storage behind the two slots. */
export interface SlotDevice {
  /**
   * Opens `slot` for one image.
   *
   * @throws {AgentError} SLOT_BUSY (booted or mounted), SLOT_TOO_SMALL (before the first byte), SLOT_IO
   */
  open(slot: SlotId, image: SlotImage, signal: AbortSignal): Promise<SlotWriter>;
  /**
   * The place at or before `bytes` from which an image that was written that far can be continued; 0 where `slot`
   * can only be written from its beginning.
   */
  resumePoint(slot: SlotId, bytes: number): number;
  /**
   * The first `bytes` of `slot`, in order: from the storage itself where the page cache can be passed by, and read
   * ahead. Also of a slot that is booted or mounted. Each chunk is valid until the next is asked for; whoever leaves
   * the loop releases the device.
   *
   * @throws {AgentError} SLOT_IO, also when the slot ends before `bytes`; the signal's reason when it aborts
   */
  read(slot: SlotId, bytes: number, signal: AbortSignal): AsyncIterable<Uint8Array>;
}
