import type { SlotId } from "./bootloader.ts";

/**
 * What a board must implement for its own slot storage. The agent wraps it in a `SlotDevice` and enforces the rest: it
 * never writes to a slot that is booted or mounted, or an image that is larger than `size`.
 *
 * The agent recognises errors whose `code` is SLOT_BUSY, SLOT_TOO_SMALL or SLOT_IO.
 */
export interface SlotDriver {
  /** The capacity of `slot` in bytes. */
  size(slot: SlotId, signal: AbortSignal): number | Promise<number>;
  /**
   * Writes an image of `bytes` bytes to the beginning of `slot` and leaves the rest unchanged. Resolves when all of it
   * is safe against power loss. When `signal` aborts, `image` ends early and the slot's content is undefined.
   *
   * @param image each chunk is valid until the next one is requested
   */
  write(slot: SlotId, bytes: number, image: AsyncIterable<Uint8Array>, signal: AbortSignal): Promise<void>;
  /** Reads the first `bytes` of `slot`, in order, from the storage itself. Leaving the loop must release the device. */
  read(slot: SlotId, bytes: number, signal: AbortSignal): AsyncIterable<Uint8Array>;
}
