import type { Random } from "../../fuzz/random.ts";
import type { Act, Disk } from "./disk.ts";
import { type Image, type LogEntry, replay, torn, unsynced } from "./disk-image.ts";

/** What a power cut leaves of a disk, and how it came to that. */
export interface Cut {
  /** Acts before it. */
  readonly act: number;
  readonly way: string;
  readonly image: Image;
  readonly context: unknown;
}

/** Sets of unsynced writes that one cut may lose, besides none and all. */
const MAX_SUBSETS = 3;

/** How many sets of unsynced writes there are, and how many of them are tried. */
export interface Tally {
  possible: number;
  tried: number;
}

/**
 * Every power cut in what a disk has been through: before each act, which is after the one before it, and after the
 * last; writes also torn. Of what was not synced then all is kept, all is lost, or some of it, whatever the order in
 * which it was written.
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

/** All but the empty one and the whole. */
function everySubset(items: readonly number[]): number[][] {
  const masks = Array.from({ length: 2 ** items.length - 2 }, (_, mask) => mask + 1);
  return masks.map((mask) => items.filter((_, bit) => (mask >> bit) & 1));
}

function some(items: readonly number[], random: Random): readonly number[] {
  const picked = items.filter(() => random.below(2) === 1);
  return picked.length === 0 || picked.length === items.length ? [random.pick(items)] : picked;
}
