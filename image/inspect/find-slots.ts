import type { Slots } from "./facts.ts";
import { partitionNamed } from "./mounts.ts";
import type { ReportedPartition } from "./report.ts";

const LINUX: readonly string[] = ["83", "0FC63DAF-8483-4772-8E79-3D69D8477DE4"];
/** Types of root file systems by processor, which systemd defines: x86-64, ARM, ARM64. */
const ROOTS: readonly string[] = [
  "4F68BCE3-E8CD-4DB1-96E7-FBCAF984B709",
  "69DAD710-2CE4-4E3C-B16C-21A1D49ABED3",
  "B921B045-1DF0-41C3-AF44-4C6F280D3FAE",
];

/**
 * The two slots. Without a configuration that names them, the first two Linux partitions of equal size are the best
 * guess.
 *
 * @param named the values of `RootfsPartA` and `RootfsPartB`
 * @param others numbers of partitions that are mounted on folders, and thus no slots
 */
export function findSlots(
  partitions: readonly ReportedPartition[],
  named: { readonly A?: string | undefined; readonly B?: string | undefined },
  others: ReadonlySet<number>,
): Slots {
  const { A: nameA, B: nameB } = named;
  if (nameA !== undefined && nameB !== undefined) {
    const [a, b] = [partitionNamed(nameA, partitions), partitionNamed(nameB, partitions)];
    return { ...(a && { A: a }), ...(b && { B: b }), named: { A: nameA, B: nameB } };
  }
  const linux = partitions.filter(({ type, number }) => [...LINUX, ...ROOTS].includes(type) && !others.has(number));
  for (const [index, first] of linux.entries()) {
    const second = linux.slice(index + 1).find(({ size }) => size === first.size);
    if (second !== undefined) return { A: first, B: second };
  }
  return {};
}
