import type { SlotId } from "../../../src/ports/bootloader.ts";
import type { SlotPartitions } from "../../linux/partition-number.ts";

/** What autoboot.txt says about the slots. */
export interface Autoboot {
  /** Partition that every restart boots, except a restart that requests a trial. */
  readonly usual: number;
  /** Set while a trial is armed: the ID of the boot in which it was armed. */
  readonly armedIn?: string;
}

/** The firmware reads only one sector of the file. */
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
 * Replaces our lines in `text`; other lines stay in their sections.
 *
 * @param other the partition that the firmware boots for a trial; always written, so that users can request a trial too
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

/** Groups the lines by the filter above them; lines before the first filter apply to all boards, like `[all]`. */
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
