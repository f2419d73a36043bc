import { open } from "node:fs/promises";
import type { Place } from "../files/place.ts";

const CHUNK_BYTES = 1024 * 1024;
const ZEROS = Buffer.alloc(CHUNK_BYTES);

/** Copies a part of a file into a new sparse file, and leaves holes instead of chunks of zeros. */
export async function copyRange({ path, offset, size }: Place, into: string, signal: AbortSignal): Promise<void> {
  const source = await open(path);
  const target = await open(into, "wx");
  try {
    const chunk = Buffer.allocUnsafe(CHUNK_BYTES);
    for (let at = 0; at < size; ) {
      signal.throwIfAborted();
      const { bytesRead } = await source.read(chunk, 0, Math.min(CHUNK_BYTES, size - at), offset + at);
      if (bytesRead === 0) break;
      const bytes = chunk.subarray(0, bytesRead);
      if (!bytes.equals(ZEROS.subarray(0, bytesRead))) {
        for (let done = 0; done < bytesRead; ) {
          done += (await target.write(bytes, done, bytesRead - done, at + done)).bytesWritten;
        }
      }
      at += bytesRead;
    }
    await target.truncate(size);
  } finally {
    await source.close();
    await target.close();
  }
}
