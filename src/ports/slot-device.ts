import type { MaybePromise } from "../util/byte-source.ts";
import type { SlotId } from "./bootloader.ts";

/** The image to write into a slot. */
export interface SlotImage {
  readonly imageBytes: number;
  /** Where the writer begins, a `resumePoint`; the slot already holds the bytes before it. Absent: at the beginning. */
  readonly fromBytes?: number;
}

/**
 * Writes one image into a slot, in order. The caller puts bytes into `room` and calls `advance`, so it can read or
 * inflate straight into the device's own (aligned) buffers.
 */
export interface SlotWriter {
  /** Free space for the next bytes; valid until `advance`. Waiting for it is the back-pressure. */
  room(): MaybePromise<Uint8Array>;
  /** Makes the first `count` bytes of the last `room` part of the image. */
  advance(count: number): MaybePromise<void>;
  /**
   * Makes the advanced bytes safe against power loss, except an incomplete last piece. Writing then continues.
   *
   * @returns bytes from the image's beginning that now survive power loss: a `resumePoint`
   */
  checkpoint(): Promise<number>;
  /** Resolves when every byte of the image is safe against power loss. @returns the bytes written and skipped */
  sync(): Promise<WriteStatistics>;
  /** Releases the device. If `sync` did not run before, the slot's content is undefined. Idempotent. */
  close(): Promise<void>;
}

/** Statistics of this writer. They exclude the bytes before `fromBytes`. */
export interface WriteStatistics {
  readonly writtenBytes: number;
  /** Bytes not written because the slot already held them. */
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
   * The position at or before `bytes` from which the agent can resume an image of which `bytes` are written; 0 if
   * `slot` can only be written from its beginning.
   */
  resumePoint(slot: SlotId, bytes: number): number;
  /**
   * Reads the first `bytes` of `slot`, in order and ahead of the caller. Bypasses the page cache where the kernel
   * allows it. The slot may be booted or mounted. Each chunk is valid until the caller asks for the next; leaving the
   * loop releases the device.
   *
   * @throws {AgentError} SLOT_IO, including when the slot ends before `bytes`; the signal's reason when it aborts
   */
  read(slot: SlotId, bytes: number, signal: AbortSignal): AsyncIterable<Uint8Array>;
}
