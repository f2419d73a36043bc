import type { Stats } from "node:fs";
import { run } from "./run.ts";

/** Bytes of a file from `start` up to `end`. */
export interface ByteRange {
  readonly start: number;
  readonly end: number;
}

/** A smaller file is read faster than a program starts. */
const WORTH_BYTES = 64 * 1024 * 1024;
/** What `stat` counts in. */
const SECTOR = 512;

/**
 * The ranges of a sparse file that have blocks, ascending. All other bytes are zero. Node cannot ask for the next hole,
 * but `filefrag` can.
 *
 * @returns `undefined` if the file is small, has no large holes, or nothing says where they are: read all of it
 */
export async function dataRanges(
  path: string,
  { size, blocks }: Pick<Stats, "size" | "blocks">,
): Promise<readonly ByteRange[] | undefined> {
  if (size < WORTH_BYTES || blocks * SECTOR > size / 2) return undefined;
  // ignored: the filesystem cannot tell, or the program is missing.
  const said = await run(["filefrag", "-v", "--", path]).catch(() => undefined);
  return said === undefined ? undefined : parseRanges(said.toString(), size);
}

/** @returns `undefined` for output that is not complete, or not of this file */
export function parseRanges(text: string, size: number): readonly ByteRange[] | undefined {
  const head = /^File size of .* is (\d+) \(\d+ blocks? of (\d+) bytes\)$/m.exec(text);
  if (head === null || Number(head[1]) !== size) return undefined;
  const unit = Number(head[2]);
  const lines = [...text.matchAll(/^ *(\d+): +(\d+)\.\. *(\d+):(.*)$/gm)];
  const isWhole =
    lines.every(([, index], place) => Number(index) === place) &&
    (lines.length === 0 ? / 0 extents found$/m.test(text) : /\blast\b/.test(lines.at(-1)?.[4] ?? ""));
  if (!isWhole) return undefined;
  return lines.map(([, , first, last]) => ({ start: Number(first) * unit, end: (Number(last) + 1) * unit }));
}
