import type { SlotId } from "../../../src/ports/bootloader.ts";
import type { SlotPartitions } from "../../linux/partition-number.ts";

/** What autoboot.txt says of the slots. */
export interface Autoboot {
  /** Partition that every restart boots but the one that asks for a trial. */
  readonly usual: number;
  /** Set while a trial is wanted: the boot of the kernel in which it was armed. */
  readonly armedIn?: string;
}

/** The firmware reads one sector of it. */
export const AUTOBOOT_BYTES = 512;

const MARK = "# switchback: trial armed in boot ";

export function parseAutoboot(text: string): Partial<Autoboot> {
  const lines = sectionsOf(text);
  const usual = lines.get("all")?.findLast((line) => /^boot_partition=[0-9]{1,9}$/.test(line));
  const mark = [...lines.values()].flat().findLast((line) => line.startsWith(MARK));
  return {
    ...(usual !== undefined && { usual: Number(usual.split("=")[1]) }),
    ...(mark !== undefined && { armedIn: mark.slice(MARK.length) }),
  };
}

/**
 * `text` with what is ours replaced; lines of others stay in their sections.
 *
 * @param other what the firmware boots when it is asked for a trial; always named, so that people can ask for it too
 */
export function changeAutoboot(text: string, { usual, armedIn }: Autoboot, other: number): string {
  const sections = sectionsOf(text);
  const others = (name: string): readonly string[] => (sections.get(name) ?? []).filter((line) => !isOurs(line));
  const mark = armedIn === undefined ? [] : [MARK + armedIn];
  const lines = ["[all]", "tryboot_a_b=1", `boot_partition=${usual}`, ...others("all")];
  lines.push("[tryboot]", `boot_partition=${other}`, ...mark, ...others("tryboot"));
  for (const [name, own] of sections) {
    if (name !== "all" && name !== "tryboot") lines.push(`[${name}]`, ...own);
  }
  return `${lines.join("\n")}\n`;
}

export const slotOfPartition = (number: number | undefined, { A, B }: SlotPartitions): SlotId | undefined =>
  number === A ? "A" : number === B ? "B" : undefined;

/** Lines by the filter that they stand behind; those before the first one are for all boards, as is `[all]`. */
function sectionsOf(text: string): ReadonlyMap<string, readonly string[]> {
  const sections = new Map<string, string[]>();
  let name = "all";
  for (const line of text.split("\n").map((raw) => raw.trim())) {
    const filter = /^\[(.+)\]$/.exec(line)?.[1];
    name = filter ?? name;
    const lines = sections.get(name) ?? [];
    if (filter === undefined && line !== "") lines.push(line);
    sections.set(name, lines);
  }
  return sections;
}

const isOurs = (line: string): boolean =>
  line.startsWith("boot_partition=") || line.startsWith("tryboot_a_b=") || line.startsWith(MARK);
