import { AgentError } from "../../src/errors/agent-error.ts";
import { ALIGNMENT } from "./aligned-buffers.ts";
import type { ReadableStorage } from "./block-file.ts";
import { readAt } from "./exact-io.ts";

export interface ReadStorageOptions {
  /** How much of the storage to read, from its beginning. */
  readonly bytes: number;
  /** All of one size, a multiple of `ALIGNMENT`; aligned for direct storage. All but one serve for reading ahead. */
  readonly buffers: readonly Buffer[];
  readonly signal: AbortSignal;
}

/**
 * Yields the first bytes of `storage`, in chunks that are valid until the next one is requested. Reads direct storage
 * in whole blocks to the end, so no byte comes from the page cache, unless the storage itself ends within a block. Owns
 * `storage` and closes it.
 *
 * @throws {AgentError} SLOT_IO, including for storage that is too short
 */
export async function* readStorage(
  storage: ReadableStorage,
  { bytes, buffers, signal }: ReadStorageOptions,
): AsyncGenerator<Uint8Array, void> {
  const free = [...buffers];
  const ahead: { readonly buffer: Buffer; readonly offset: number; readonly read: Promise<number> }[] = [];
  let next = 0;

  const fetchAhead = (): void => {
    for (let buffer = free.pop(); buffer !== undefined; buffer = free.pop()) {
      if (next >= bytes) return;
      const wanted = Math.min(buffer.length, bytes - next);
      const whole = Math.min(roundUp(wanted), storage.sizeBytes - next);
      const read = readAt(storage, buffer.subarray(0, Math.max(whole, 0)), next);
      read.catch(() => {
        // ignored: the loop awaits the same promise and fails with it.
      });
      ahead.push({ buffer, offset: next, read });
      next += wanted;
    }
  };

  try {
    for (;;) {
      signal.throwIfAborted();
      fetchAhead();
      const piece = ahead.shift();
      if (piece === undefined) return;
      const wanted = Math.min(piece.buffer.length, bytes - piece.offset);
      const count = await piece.read;
      if (count < wanted) throw new AgentError("SLOT_IO", { operation: "read", offset: piece.offset, moved: count });
      yield piece.buffer.subarray(0, wanted);
      free.push(piece.buffer);
    }
  } finally {
    // The kernel may still be using the buffers and the descriptor.
    await Promise.allSettled(ahead.map(({ read }) => read));
    await storage.close();
  }
}

const roundUp = (bytes: number): number => Math.ceil(bytes / ALIGNMENT) * ALIGNMENT;
