import { open } from "node:fs/promises";
import type { ByteSource } from "./byte-source.ts";

/** Bytes of a file from its beginning, read straight into the caller's buffer. @throws the error of open(2) */
export async function openFileSource(path: string): Promise<ByteSource> {
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
