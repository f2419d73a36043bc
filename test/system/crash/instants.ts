import type { Call } from "./strace-log.ts";
import type { Instant } from "./watched-run.ts";

/** Calls whose order is the same in each run. libuv also uses `write` to wake its threads. */
const ACTS = /^(?:pwrite64|fsync|fdatasync|rename.*)$/;

/**
 * The instants at which a state is on disk and no durable act has followed yet: at the first act after each save. The
 * last act of a save is the sync of the folder after a rename.
 */
export const instantsAfterSaves = (calls: readonly Call[]): readonly Instant[] =>
  actsAfterRenames(calls, 2).map((act) => instantOf(act, calls));

/**
 * The instants at which a state is on disk and its work has not begun: within each save, when the sync of the folder
 * begins. Until that sync ends, a power cut may still undo the save.
 */
export const instantsInSaves = (calls: readonly Call[]): readonly Instant[] =>
  actsAfterRenames(calls, 1).map((act) => instantOf(act, calls));

const isAct = ({ name, failed }: Call): boolean => ACTS.test(name) && !failed;

function actsAfterRenames(calls: readonly Call[], distance: number): readonly Call[] {
  const acts = calls.filter(isAct);
  return acts.filter((_, index) => acts[index - distance]?.name.startsWith("rename") === true);
}

function instantOf(act: Call, calls: readonly Call[]): Instant {
  const same = calls.filter(
    ({ thread, name, began }) => thread === act.thread && name === act.name && began <= act.began,
  );
  return { call: act.name, nth: same.length };
}
