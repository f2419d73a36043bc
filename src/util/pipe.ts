import { constants, openSync, statSync } from "node:fs";
import type { Socket } from "node:net";
import { MAX_BYTES, readSmallBytes, tooLarge } from "./small-file.ts";

/** Whether `path` is a named pipe, or a link to one, such as `/dev/fd/63` for a shell's `<(...)`. */
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
 * a signal cannot interrupt.
 *
 * @param signal ends the wait: the next chunk then throws the signal's reason
 * @throws the system's error
 */
export function openPipe(path: string, signal: AbortSignal): Socket {
  // Loaded only here: most commands do not need the network code that this module loads.
  const net = process.getBuiltinModule("node:net");
  const fd = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOCTTY);
  return endWith(new net.Socket({ fd, readable: true, writable: false }), signal);
}

/** The parts of a stream that `endWith` uses; other iterables may lack them. */
export interface Endable {
  destroy?(error: Error): unknown;
  on?(event: "error", listener: () => void): unknown;
}

/** Ends a stream with the signal's reason, so that a waiting reader stops at once. */
export function endWith<T extends Endable>(stream: T, signal: AbortSignal): T {
  stream.on?.("error", () => {
    // ignored: the reader of the stream gets the error.
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
 * @throws the system's error, and an error if `path` is neither a file nor a pipe, or is too large
 */
export const readSmallOrPipe = async (path: string, signal: AbortSignal): Promise<Buffer> =>
  isPipe(path) ? await readSmallStream(openPipe(path, signal), path) : readSmallBytes(path);

/** The bytes of a small stream. @throws an error if it is too large, as `readSmallBytes` */
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
