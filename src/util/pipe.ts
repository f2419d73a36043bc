import { constants, openSync, statSync } from "node:fs";
import type { Socket } from "node:net";
import { MAX_BYTES, readSmallBytes, tooLarge } from "./small-file.ts";

/** Whether a named pipe is at `path`, or a link leads to one, such as `/dev/fd/63` of a shell's `<(...)`. */
export function isPipe(path: string): boolean {
  try {
    return statSync(path).isFIFO();
  } catch {
    // ignored: the caller opens the path next and reports why that fails.
    return false;
  }
}

/**
 * Opens a named pipe for reading and waits for its writer in the event loop. A plain `open` would wait in a thread that
 * no signal reaches.
 *
 * @param signal ends the wait: the next chunk then throws the signal's reason
 * @throws what the system says
 */
export function openPipe(path: string, signal: AbortSignal): Socket {
  // Loaded here only: most commands do without the network, which comes with this module.
  const net = process.getBuiltinModule("node:net");
  const fd = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOCTTY);
  return endWith(new net.Socket({ fd, readable: true, writable: false }), signal);
}

/** What a stream has, and other chunks need not. */
export interface Endable {
  destroy?(error: Error): unknown;
  on?(event: "error", listener: () => void): unknown;
}

/** Ends a stream with the signal's reason, so that a reader that waits for more stops at once. */
export function endWith<T extends Endable>(stream: T, signal: AbortSignal): T {
  stream.on?.("error", () => {
    // ignored: whoever reads it gets the error.
  });
  const stop = (): void => void stream.destroy?.(signal.reason);
  if (signal.aborted) stop();
  else signal.addEventListener("abort", stop, { once: true });
  return stream;
}

/**
 * The content of a small file, or of a named pipe such as a shell's `<(...)`.
 *
 * @param signal ends the wait for a pipe's writer, with its reason
 * @throws what the system says, and an error for what is neither, or is too large
 */
export const readSmallOrPipe = async (path: string, signal: AbortSignal): Promise<Buffer> =>
  isPipe(path) ? await readSmallStream(openPipe(path, signal), path) : readSmallBytes(path);

/** The bytes of a stream that must be small. @throws an error when it is not, as `readSmallBytes` */
export async function readSmallStream(chunks: AsyncIterable<Uint8Array>, name: string): Promise<Buffer> {
  const parts: Uint8Array[] = [];
  let total = 0;
  for await (const chunk of chunks) {
    parts.push(chunk);
    total += chunk.length;
    if (total > MAX_BYTES) throw tooLarge(name);
  }
  return Buffer.concat(parts);
}
