import { AgentError } from "../../src/errors/agent-error.ts";
import { ALIGNMENT } from "./aligned-buffers.ts";
import type { BlockFile } from "./block-file.ts";

/**
 * Fills `into` as far as the storage reaches. The last bytes that are not a multiple of `ALIGNMENT` are an
 * access of their own, so that direct storage takes all the rest directly.
 *
 * @returns bytes read, fewer only at the storage's end
 * @throws {AgentError} SLOT_IO
 */
export async function readAt(storage: BlockFile, into: Uint8Array, offset: number): Promise<number> {
  let filled = 0;
  while (filled < into.length) {
    const piece = into.subarray(filled, pieceEnd(filled, into.length));
    const count = await named("read", offset + filled, () => storage.read(piece, offset + filled));
    if (count === 0) break;
    filled += usable(storage, piece, count);
  }
  return filled;
}

/** Writes all of `from`. @throws {AgentError} SLOT_IO */
export async function writeAt(storage: BlockFile, from: Uint8Array, offset: number): Promise<void> {
  let written = 0;
  while (written < from.length) {
    const piece = from.subarray(written, pieceEnd(written, from.length));
    const count = await named("write", offset + written, () => storage.write(piece, offset + written));
    const progress = usable(storage, piece, count);
    if (progress === 0) throw new AgentError("SLOT_IO", { operation: "write", offset: offset + written, taken: count });
    written += progress;
  }
}

/** The aligned part first, then the rest. */
function pieceEnd(start: number, end: number): number {
  const aligned = end - (end % ALIGNMENT);
  return start < aligned ? aligned : end;
}

/** After a short access direct storage must go on from an aligned place. */
function usable(storage: BlockFile, piece: Uint8Array, count: number): number {
  return storage.direct && count < piece.length ? count - (count % ALIGNMENT) : count;
}

async function named(operation: string, offset: number, access: () => Promise<number>): Promise<number> {
  try {
    return await access();
  } catch (cause) {
    const errno = cause instanceof Error && "code" in cause ? String(cause.code) : "unknown";
    throw new AgentError("SLOT_IO", { operation, offset, errno }, cause);
  }
}
