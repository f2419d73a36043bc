import type { SlotId } from "../../../src/ports/bootloader.ts";

/**
 * A boot entry of ours: `switchback-GENERATION-SLOT.conf`, with `+LEFT` or `+LEFT-DONE` while its boots are counted.
 */
export interface SlotEntry {
  readonly slot: SlotId;
  readonly generation: number;
  /** Number of remaining and of failed boot attempts; absent: the entry is good. */
  readonly tries?: { readonly left: number; readonly done: number };
  readonly file: string;
}

/** Required value of `default` in loader.conf, so that no other entry precedes ours. */
export const DEFAULT_PATTERN = "switchback-*";

/** @returns `undefined` for any other entry's file */
export function parseEntry(file: string): SlotEntry | undefined {
  const match = /^switchback-([0-9]{1,9})-([ab])(?:\+([0-9]{1,9})(?:-([0-9]{1,9}))?)?\.conf$/.exec(file);
  const [, generation, slot, left, done] = match ?? [];
  if (generation === undefined) return undefined;
  return {
    slot: slot === "a" ? "A" : "B",
    generation: Number(generation),
    ...(left !== undefined && { tries: { left: Number(left), done: Number(done ?? 0) } }),
    file,
  };
}

/** @param tries for a new trial, without any attempt so far; absent: good */
export function entryFile(slot: SlotId, generation: number, tries?: number): string {
  return `switchback-${generation}-${slot.toLowerCase()}${tries === undefined ? "" : `+${tries}`}.conf`;
}

/**
 * Sorts the higher generation first: systemd-boot's order for entries that differ only in their names. A power cut
 * during a rename can leave two entries of one generation on a file system without a journal; the good one comes first.
 */
export function byGeneration(a: SlotEntry, b: SlotEntry): number {
  return b.generation - a.generation || Number(a.tries !== undefined) - Number(b.tries !== undefined);
}

/** The keys by which the Boot Loader Specification sorts before names; our entries must agree on each. */
const BEFORE_NAMES = ["sort-key", "machine-id", "version"];

/** The first key by which the boot loader would order the two entries before it compares names. */
export function differingKey(a: string, b: string): string | undefined {
  return BEFORE_NAMES.find((key) => valueIn(a, key) !== valueIn(b, key));
}

/** The last value of `key` in an entry or in loader.conf. */
export function valueIn(text: string, key: string): string | undefined {
  const values = text.split("\n").flatMap((line) => {
    const match = /^\s*(\S+)\s+(.*?)\s*$/.exec(line);
    return match?.[1] === key && match[2] !== undefined ? [match[2]] : [];
  });
  return values.at(-1);
}
