import type { SlotId } from "../../../src/ports/bootloader.ts";

/** A boot entry of ours: `switchback-GENERATION-SLOT.conf`, with `+LEFT` or `+LEFT-DONE` while its boots are counted. */
export interface SlotEntry {
  readonly slot: SlotId;
  readonly generation: number;
  /** Boots that it may still try and those that it has tried; absent: it is good. */
  readonly tries?: { readonly left: number; readonly done: number };
  readonly file: string;
}

/** What `default` in loader.conf must say, so that no other entry comes before ours. */
export const DEFAULT_PATTERN = "switchback-*";

/** `undefined` for the file of another entry. */
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

/** @param tries of a new trial, which has tried nothing yet; absent: good */
export function entryFile(slot: SlotId, generation: number, tries?: number): string {
  return `switchback-${generation}-${slot.toLowerCase()}${tries === undefined ? "" : `+${tries}`}.conf`;
}

/**
 * The higher generation first: systemd-boot's order of entries that differ in nothing but their names. Of one
 * generation, which a file system without a journal leaves when the power fails in a rename, the good one.
 */
export function byGeneration(a: SlotEntry, b: SlotEntry): number {
  return b.generation - a.generation || Number(a.tries !== undefined) - Number(b.tries !== undefined);
}

/** What the Boot Loader Specification sorts by before it looks at names; entries of ours must agree on each. */
const BEFORE_NAMES = ["sort-key", "machine-id", "version"];

/** The first key by which the boot loader would tell the two apart before it comes to their names. */
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
