import { AgentError } from "../../src/errors/agent-error.ts";
import { ALIGNMENT } from "./aligned-buffers.ts";
import type { BlockFile, ReadableStorage } from "./block-file.ts";

/**
 * Fills `into` as far as the storage reaches. A separate access covers the last bytes that are not a multiple of
 * `ALIGNMENT`, so that direct storage handles the rest directly.
 *
 * @returns bytes read, fewer than requested only at the storage's end
 * @throws {AgentError} SLOT_IO
 */
export async function readAt(storage: ReadableStorage, into: Uint8Array, offset: number): Promise<number> {
  let filled = 0;
  while (filled < into.length) {
    const piece = into.subarray(filled, pieceEnd(filled, into.length));
    const count = await named("read", offset + filled, () => storage.read(piece, offset + filled));
    if (count === 0) break;
    filled += progress(storage, piece, count, { operation: "read", offset: offset + filled });
  }
  return filled;
}

/** Writes all of `from`. @throws {AgentError} SLOT_IO */
export async function writeAt(storage: BlockFile, from: Uint8Array, offset: number): Promise<void> {
  let written = 0;
  while (written < from.length) {
    const piece = from.subarray(written, pieceEnd(written, from.length));
    const count = await named("write", offset + written, () => storage.write(piece, offset + written));
    written += progress(storage, piece, count, { operation: "write", offset: offset + written });
  }
}

/** The aligned part first, then the rest. */
function pieceEnd(start: number, end: number): number {
  const aligned = end - (end % ALIGNMENT);
  return start < aligned ? aligned : end;
}

/** Number of bytes that count as done: after a short access, direct storage must continue at an aligned offset. */
function progress(
  storage: Pick<BlockFile, "direct">,
  piece: Uint8Array,
  count: number,
  at: { operation: string; offset: number },
): number {
  const done = storage.direct && count < piece.length ? count - (count % ALIGNMENT) : count;
  if (done === 0) throw new AgentError("SLOT_IO", { ...at, moved: count });
  return done;
}

async function named(operation: string, offset: number, access: () => Promise<number>): Promise<number> {
  try {
    return await access();
  } catch (cause) {
    const errno = cause instanceof Error && "code" in cause ? String(cause.code) : "unknown";
    throw new AgentError("SLOT_IO", { operation, offset, errno }, cause);
  }
}
