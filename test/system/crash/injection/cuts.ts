import type { Random } from "../../../../qemu/harness/random.ts";
import type { Act, Disk } from "./disk.ts";
import { type Image, type LogEntry, replay, torn, unsynced } from "./disk-image.ts";

/** What a power cut leaves on a disk, and how it happened. */
export interface Cut {
  /** Number of acts before the cut. */
  readonly act: number;
  readonly way: string;
  readonly image: Image;
  readonly context: unknown;
}

/** Number of sets of unsynced writes that a cut may lose, in addition to none and all. */
const MAX_SUBSETS = 3;

/** How many sets of unsynced writes exist, and how many of them were tried. */
export interface Tally {
  possible: number;
  tried: number;
}

/**
 * Every power cut in the history of a disk: before each act, that is after the previous one, and after the last act.
 * Writes are also torn. Of the unsynced writes, the cut keeps all, loses all, or loses some, in any order.
 */
export function* cutsOf(disk: Disk, random: Random, tally: Tally): Generator<Cut> {
  for (let number = 0; number <= disk.acts.length; number++) {
    const act = disk.acts[number];
    const log = disk.log.slice(0, act?.logLength ?? disk.log.length);
    const at = { act: number, context: act === undefined ? disk.context() : act.context };
    const open = unsynced(log);
    tally.possible += 2 ** open.length;
    for (const lost of losses(open, random)) {
      tally.tried += 1;
      const way = lost.length === 0 ? "kept" : `lost ${lost.length} of ${open.length}`;
      yield { ...at, way, image: replay(disk.start, log, new Set(lost)) };
    }
    if (act === undefined || !act.kind.endsWith("write")) continue;
    const half = [...log, ...disk.log.slice(log.length, endOf(disk, number)).map(tornEntry)];
    yield { ...at, way: "torn", image: replay(disk.start, half) };
    if (open.length > 0) yield { ...at, way: "torn, rest lost", image: replay(disk.start, half, new Set(open)) };
  }
}

function endOf({ acts, log }: Disk, number: number): number {
  const next: Act | undefined = acts[number + 1];
  return next?.logLength ?? log.length;
}

const tornEntry = (entry: LogEntry): LogEntry =>
  entry.kind === "write" ? { ...entry, changes: torn(entry.changes) } : entry;

function losses(open: readonly number[], random: Random): readonly (readonly number[])[] {
  if (open.length === 0) return [[]];
  const proper = 2 ** open.length - 2;
  const chosen =
    proper <= MAX_SUBSETS ? everySubset(open) : Array.from({ length: MAX_SUBSETS }, () => some(open, random));
  return [[], ...chosen, open];
}

/** All subsets except the empty one and the whole. */
function everySubset(items: readonly number[]): number[][] {
  const masks = Array.from({ length: 2 ** items.length - 2 }, (_, mask) => mask + 1);
  return masks.map((mask) => items.filter((_, bit) => (mask >> bit) & 1));
}

function some(items: readonly number[], random: Random): readonly number[] {
  const picked = items.filter(() => random.below(2) === 1);
  return picked.length === 0 || picked.length === items.length ? [random.pick(items)] : picked;
}
