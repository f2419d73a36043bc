import { AgentError } from "../errors/agent-error.ts";
import type { ByteSource, MaybePromise } from "../util/byte-source.ts";

/** Large enough to read a dozen small members at once. A payload costs at most one more copy of this many bytes. */
const READ_AHEAD_BYTES = 16 * 1024;

/**
 * Serves small reads from memory and passes large ones straight into the caller's buffer. Turns system errors into
 * named ones.
 *
 * The source throws ARTIFACT_READ.
 */
export function readAhead(source: ByteSource): ByteSource {
  const buffer = Buffer.allocUnsafe(READ_AHEAD_BYTES);
  let start = 0;
  let end = 0;
  const serve = (into: Uint8Array): number => {
    const count = Math.min(into.length, end - start);
    into.set(buffer.subarray(start, start + count));
    start += count;
    return count;
  };
  const filled = (into: Uint8Array, count: number): number => {
    start = 0;
    end = count;
    return serve(into);
  };
  return {
    read(into) {
      if (start < end) return serve(into);
      if (into.length >= READ_AHEAD_BYTES) return readNamed(source, into);
      const got = readNamed(source, buffer);
      return typeof got === "number" ? filled(into, got) : got.then((count) => filled(into, count));
    },
    close: () => source.close(),
  };
}

function readNamed(source: ByteSource, into: Uint8Array): MaybePromise<number> {
  try {
    const got = source.read(into);
    return typeof got === "number" ? got : got.catch(named);
  } catch (error) {
    return named(error);
  }
}

/** A system error gets one of the agent's codes; a cancellation and a bug stay unchanged. */
function named(error: unknown): never {
  const isSystemError = error instanceof Error && "syscall" in error;
  throw isSystemError ? new AgentError("ARTIFACT_READ", {}, error) : error;
}
