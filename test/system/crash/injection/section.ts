import type { Findings } from "./injection.ts";

const HEAD = [
  "Scenario",
  "durable acts",
  "power cuts",
  "sets of unsynced writes tried",
  "different boards",
  "cut twice",
  "broken",
];

/** The section of docs/reliability.md for these findings. */
export function powerCutSection(all: ReadonlyMap<string, Findings>): string {
  const rows = [...all].map(([title, found]) => [
    title,
    found.acts,
    found.cuts,
    `${found.subsets.tried} of ${found.subsets.possible}`,
    found.boards,
    found.secondCuts,
    found.broken.length,
  ]);
  const total = (count: (found: Findings) => number): number => [...all.values()].reduce((sum, f) => sum + count(f), 0);
  const cuts = total(({ cuts }) => cuts) + total(({ secondCuts }) => secondCuts);
  return [
    "<!-- power-cuts: begin -->",
    "",
    `${cuts} power cuts, ${total(({ broken }) => broken.length)} broken.`,
    "",
    ...[HEAD, HEAD.map(() => "---"), ...rows].map((cells) => `| ${cells.join(" | ")} |`),
    "",
    "<!-- power-cuts: end -->",
  ].join("\n");
}
