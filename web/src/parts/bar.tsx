import type { ReactNode } from "react";
import type { Rollout } from "../../../src/protocol/api/rollout-views.ts";
import { number, t } from "../words/words.ts";

type Counts = Pick<Rollout["totals"], "updated" | "under_way" | "failed"> & { readonly waiting?: number };

/** Of which colour and which word the parts of a bar are. They always stand in this order. */
const PARTS = [
  { name: "updated", word: "tally.updated", of: (counts: Counts) => counts.updated },
  { name: "under-way", word: "tally.underWay", of: (counts: Counts) => counts.under_way },
  { name: "failed", word: "tally.failed", of: (counts: Counts) => counts.failed },
  { name: "waiting", word: "tally.waiting", of: (counts: Counts) => counts.waiting ?? 0 },
] as const;

const partsOf = (counts: Counts) =>
  PARTS.map((part) => ({ ...part, count: part.of(counts) })).filter((part) => part.count > 0);

/** How many devices of each state, in words. */
export const tallyText = (counts: Counts): string =>
  partsOf(counts)
    .map(({ word, count }) => t(word, { count: number(count) }))
    .join(", ");

/** How many devices of each state, as lengths. The words beside it say the same. */
export const Bar = ({ counts, size }: { readonly counts: Counts; readonly size?: "tall" }): ReactNode => (
  <div className="bar" data-size={size} role="img" aria-label={tallyText(counts) || t("wave.unknown")}>
    {partsOf(counts).map(({ name, count }) => (
      <span key={name} className={name} style={{ flexGrow: count }} />
    ))}
  </div>
);
