import { closeSync, constants, fstatSync, openSync, readFileSync } from "node:fs";

/** Far more than any of these files needs, and little enough for a small device's memory. */
const MAX_BYTES = 16 * 1024 * 1024;

/**
 * The text of a small file, read on the spot. Asynchronously it would go through a thread four times, which costs a
 * daemon that does it at each poll ten times as much as the reading. Does not wait for the writer of a FIFO.
 *
 * @throws what the system says, and an error when the path leads to something other than a file, or to a huge one
 */
export function readSmallFile(path: string): string {
  const fd = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOCTTY);
  try {
    const found = fstatSync(fd);
    if (!found.isFile() && !found.isDirectory()) throw new Error(`${path} is not a file`);
    if (found.size > MAX_BYTES) throw new Error(`${path} is larger than ${MAX_BYTES} bytes`);
    return readFileSync(fd, "utf8");
  } finally {
    closeSync(fd);
  }
}
