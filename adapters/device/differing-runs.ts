/** The unit for comparing and writing: the block size of file systems and the page size of most flash. */
export const BLOCK_BYTES = 4096;

/**
 * If a frame has more runs than this, the calls cost more time than the skipped bytes save: if every other block
 * differs, it takes 2.5 times as long as writing the whole frame. Near runs are therefore joined. Flash programs a gap
 * of `NEAR_BYTES` at once anyway.
 */
const SCATTERED_RUNS = 16;
const NEAR_BYTES = 16 * 1024;

export interface Run {
  readonly start: number;
  /** Exclusive. */
  readonly end: number;
}

/**
 * Finds the parts of `fresh` that must be written: blocks that differ from `old`, with neighbours joined. If there are
 * many scattered parts, equal blocks between them count as differing.
 *
 * @param length number of bytes of `fresh` to compare
 * @param oldLength number of known bytes of `old`; all bytes after them count as differing
 */
export function differingRuns(fresh: Buffer, old: Buffer, length: number, oldLength: number): readonly Run[] {
  const known = Math.min(length, oldLength);
  if (known === length && same(fresh, old, 0, length)) return [];
  const differAtOnce = quickCheck(fresh, old);
  const runs: Run[] = [];
  let start = -1;
  for (let at = 0; at < length; at += BLOCK_BYTES) {
    const end = Math.min(at + BLOCK_BYTES, length);
    const equal = end <= known && !differAtOnce(at, end) && same(fresh, old, at, end);
    if (!equal && start < 0) start = at;
    if (equal && start >= 0) {
      runs.push({ start, end: at });
      start = -1;
    }
  }
  if (start >= 0) runs.push({ start, end: length });
  return runs.length > SCATTERED_RUNS ? joinNear(runs) : runs;
}

/**
 * Recognizes most differing blocks by four of their words, without a native call for each block.
 *
 * @returns `false` if the block must be compared in full
 */
function quickCheck(fresh: Buffer, old: Buffer): (start: number, end: number) => boolean {
  const a = wordsOf(fresh);
  const b = wordsOf(old);
  if (a === undefined || b === undefined) return () => false;
  return (start, end) => {
    if (end - start < BLOCK_BYTES) return false;
    const at = start / WORD_BYTES;
    return SAMPLES.some((word) => a[at + word] !== b[at + word]);
  };
}

const WORD_BYTES = 4;
const SAMPLES = [0, 301, 602, 903] as const;

function wordsOf(bytes: Buffer): Uint32Array | undefined {
  if (bytes.byteOffset % WORD_BYTES !== 0) return undefined;
  return new Uint32Array(bytes.buffer, bytes.byteOffset, Math.floor(bytes.length / WORD_BYTES));
}

function joinNear(runs: readonly Run[]): readonly Run[] {
  const joined: Run[] = [];
  for (const run of runs) {
    const last = joined.at(-1);
    if (last !== undefined && run.start - last.end <= NEAR_BYTES) joined.splice(-1, 1, { ...last, end: run.end });
    else joined.push(run);
  }
  return joined;
}

function same(a: Buffer, b: Buffer, start: number, end: number): boolean {
  return a.compare(b, start, end, start, end) === 0;
}
