import { open } from "node:fs/promises";
import type { ByteSource } from "./byte-source.ts";

export interface FileSource extends ByteSource {
  /** 0 for what has no size of its own, such as a pipe. */
  readonly sizeBytes: number;
}

/** Bytes of a file from its beginning, read straight into the caller's buffer. @throws the error of open(2) */
export async function openFileSource(path: string): Promise<FileSource> {
  const file = await open(path, "r");
  const { size } = await file.stat();
  let closed: Promise<void> | undefined;
  return {
    sizeBytes: size,
    async read(into) {
      return (await file.read(into, 0, into.length, null)).bytesRead;
    },
    close() {
      closed ??= file.close();
      return closed;
    },
  };
}
