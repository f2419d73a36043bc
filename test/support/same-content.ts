import { closeSync, openSync, readSync } from "node:fs";

const [LEFT, RIGHT] = [Buffer.alloc(256 * 1024), Buffer.alloc(256 * 1024)];

/**
 * Whether two files are equal byte for byte. Compares in two buffers that it uses again: a test that reads hundreds of
 * whole images spends most of its time in the garbage collector.
 */
export function isSameContent(path: string, other: string): boolean {
  const [left, right] = [openSync(path, "r"), openSync(other, "r")];
  try {
    for (;;) {
      const [count, otherCount] = [readSync(left, LEFT), readSync(right, RIGHT)];
      if (count !== otherCount || LEFT.compare(RIGHT, 0, count, 0, count) !== 0) return false;
      if (count === 0) return true;
    }
  } finally {
    closeSync(left);
    closeSync(right);
  }
}
