import { open } from "node:fs/promises";
import { type ByteSource, fromIterable } from "./byte-source.ts";
import { isPipe, openPipe } from "./pipe.ts";

/**
 * Bytes of a file from its beginning, read straight into the caller's buffer. Reads a named pipe until its writer
 * closes it.
 *
 * @param signal ends the wait for a pipe's writer
 * @throws the error of open(2)
 */
export async function openFileSource(path: string, signal: AbortSignal): Promise<ByteSource> {
  if (isPipe(path)) return fromIterable(openPipe(path, signal));
  const file = await open(path, "r");
  let closed: Promise<void> | undefined;
  return {
    async read(into) {
      return (await file.read(into, 0, into.length, null)).bytesRead;
    },
    close() {
      closed ??= file.close();
      return closed;
    },
  };
}
