import type { SlotId } from "./bootloader.ts";

/**
 * What a board's own storage of slots has to do. The agent makes a `SlotDevice` of it, and sees to the rest: it writes no
 * slot that is booted or mounted, and no image that is larger than `size` says.
 *
 * An error whose `code` is SLOT_BUSY, SLOT_TOO_SMALL or SLOT_IO is known to the agent.
 */
export interface SlotDriver {
  /** Bytes that `slot` can hold. */
  size(slot: SlotId, signal: AbortSignal): number | Promise<number>;
  /**
   * Writes an image of `bytes` bytes over what `slot` holds, and nothing else. Resolves when all of it is safe against
   * power loss. When `signal` aborts, `image` ends early and nothing is promised of the slot.
   *
   * @param image each chunk is valid until the next is asked for
   */
  write(slot: SlotId, bytes: number, image: AsyncIterable<Uint8Array>, signal: AbortSignal): Promise<void>;
  /** The first `bytes` of `slot`, in order, from the storage itself. Whoever leaves the loop releases the device. */
  read(slot: SlotId, bytes: number, signal: AbortSignal): AsyncIterable<Uint8Array>;
}
