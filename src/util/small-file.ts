import { closeSync, constants, fstatSync, openSync, readSync } from "node:fs";

/** Far more than any of these files needs, and little enough for a small device's memory. */
export const MAX_BYTES = 16 * 1024 * 1024;
const CHUNK_BYTES = 16 * 1024;

/**
 * The text of a small file, read on the spot. Asynchronously it would go through a thread four times, which costs a
 * daemon that does it at each poll ten times as much as the reading. Does not wait for the writer of a FIFO.
 *
 * @throws what the system says, and an error when the path leads to something other than a file, or to a huge one
 */
export const readSmallFile = (path: string): string => readSmallBytes(path).toString("utf8");

/** The same, for what is no text. */
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

/** Reads to the end, whatever the size is said to be: files of the kernel say that it is 0. */
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

/** An error like those of the system: what cannot be read is treated alike, whoever refuses it. */
const refusal = (message: string, code: string): Error => Object.assign(new Error(message), { code, syscall: "read" });

export const tooLarge = (path: string): Error => refusal(`${path} is larger than ${MAX_BYTES} bytes`, "EFBIG");
