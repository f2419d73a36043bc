import { closeSync, constants, fstatSync, openSync, readSync } from "node:fs";

/** Far more than these files need, and small enough for a small device's memory. */
export const MAX_BYTES = 16 * 1024 * 1024;
const CHUNK_BYTES = 16 * 1024;

/**
 * The text of a small file, read synchronously. An asynchronous read would use a thread four times, which costs a
 * daemon that reads at each poll ten times as much as the read itself. Does not wait for the writer of a FIFO.
 *
 * @throws the system's error, and an error if the path is not a regular file or is too large
 */
export const readSmallFile = (path: string): string => readSmallBytes(path).toString("utf8");

/** As `readSmallFile`, for binary content. */
export function readSmallBytes(path: string): Buffer {
  const fd = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOCTTY);
  try {
    const found = fstatSync(fd);
    if (!found.isFile() && !found.isDirectory()) throw refusal(`${path} is not a file`, "EINVAL");
    return readBounded(fd, path, found.size);
  } finally {
    closeSync(fd);
  }
}

/** Reads to the end, whatever the reported size: kernel files report a size of 0. */
function readBounded(fd: number, path: string, sizeBytes: number): Buffer {
  let into = Buffer.allocUnsafe(Math.min(sizeBytes, MAX_BYTES) + CHUNK_BYTES);
  for (let at = 0; ; ) {
    if (Math.max(at, sizeBytes) > MAX_BYTES) throw tooLarge(path);
    const count = readSync(fd, into, at, into.length - at, null);
    if (count === 0) return into.subarray(0, at);
    at += count;
    if (at === into.length) into = Buffer.concat([into], 2 * at);
  }
}

/** An error like those of the system, so that callers treat both alike. */
const refusal = (message: string, code: string): Error => Object.assign(new Error(message), { code, syscall: "read" });

export const tooLarge = (path: string): Error => refusal(`${path} is larger than ${MAX_BYTES} bytes`, "EFBIG");
