/** What a simulation counts. Latencies are kept in buckets that grow by a tenth, so that a day of them fits. */
export interface Figures {
  count(name: string, by?: number): void;
  took(kind: string, ms: number): void;
  /** The counts, and for each kind the percentiles in ms. */
  summary(): Summary;
}

export interface Summary {
  readonly counts: Readonly<Record<string, number>>;
  readonly latencyMs: Readonly<
    Record<string, { readonly p50: number; readonly p95: number; readonly p99: number; readonly max: number }>
  >;
}

const GROWTH = 1.1;
const SMALLEST_MS = 0.01;

export function createFigures(): Figures {
  const counts = new Map<string, number>();
  const buckets = new Map<string, { readonly n: number[]; total: number; max: number }>();
  return {
    count: (name, by = 1) => void counts.set(name, (counts.get(name) ?? 0) + by),
    took(kind, ms) {
      let of = buckets.get(kind);
      if (of === undefined) {
        of = { n: [], total: 0, max: 0 };
        buckets.set(kind, of);
      }
      const at = Math.max(0, Math.ceil(Math.log(ms / SMALLEST_MS) / Math.log(GROWTH)));
      of.n[at] = (of.n[at] ?? 0) + 1;
      of.total += 1;
      of.max = Math.max(of.max, ms);
    },
    summary: () => ({
      counts: Object.fromEntries([...counts].toSorted(([a], [b]) => (a < b ? -1 : 1))),
      latencyMs: Object.fromEntries(
        [...buckets].map(([kind, of]) => {
          const at = (part: number): number => round(Math.min(of.max, percentile(of, part)));
          return [kind, { p50: at(0.5), p95: at(0.95), p99: at(0.99), max: round(of.max) }];
        }),
      ),
    }),
  };
}

/** The upper edge of the bucket in which the part of all measurements ends. */
function percentile({ n, total }: { readonly n: readonly number[]; readonly total: number }, part: number): number {
  let seen = 0;
  for (const [at, count = 0] of n.entries()) {
    seen += count;
    if (seen >= part * total) return SMALLEST_MS * GROWTH ** at;
  }
  return 0;
}

const round = (ms: number): number => Math.round(ms * 100) / 100;
