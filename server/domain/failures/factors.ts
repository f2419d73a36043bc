import type { Place } from "../filters/predicate.ts";

/** What is known of a device: a value of each attribute, by `scope/name`. A list has several. */
export type Traits = ReadonlyMap<string, readonly string[]>;

/** How many of a sample have something. */
interface Share {
  readonly have: number;
  readonly of: number;
}

/** An attribute whose value devices that failed share, and that others lack. */
export interface Factor extends Place {
  readonly value: string;
  readonly failed: Share;
  readonly succeeded: Share;
}

/** Samples of devices by what became of them. `waiting`: they have not begun. */
export interface Samples {
  readonly failed: readonly Traits[];
  readonly succeeded: readonly Traits[];
  readonly waiting: readonly Traits[];
}

const FACTORS_MAX = 3;
/** Most of the failed must have it. */
const FAILED_LEAST = 0.6;
/** So much larger must the share among the failed be. */
const DIFFERENCE_LEAST = 0.2;
/** What nearly all devices have that were not touched is no reason: it is what the update changes. */
const UNTOUCHED_MOST = 0.95;
const UNTOUCHED_LEAST = 10;

/**
 * What the failed share and those that succeeded lack, the strongest first. Nothing is said of a single failure, nor
 * without a success to compare with. Small samples count less than their shares.
 */
export function factorsOf({ failed, succeeded, waiting }: Samples): readonly Factor[] {
  if (failed.length < 2 || succeeded.length === 0) return [];
  const among = { failed: countTraits(failed), succeeded: countTraits(succeeded), waiting: countTraits(waiting) };
  const found: { readonly factor: Factor; readonly strength: number }[] = [];
  for (const [key, have] of among.failed) {
    const share = { have, of: failed.length };
    const other = { have: among.succeeded.get(key) ?? 0, of: succeeded.length };
    const untouched = { have: among.waiting.get(key) ?? 0, of: waiting.length };
    const difference = part(share) - part(other);
    if (have < 2 || part(share) < FAILED_LEAST || difference < DIFFERENCE_LEAST) continue;
    if (untouched.of >= UNTOUCHED_LEAST && part(untouched) >= UNTOUCHED_MOST) continue;
    const [place = "", value = ""] = JSON.parse(key) as [string, string];
    const slash = place.indexOf("/");
    const factor = { scope: place.slice(0, slash), attribute: place.slice(slash + 1), value };
    const strength = bounds(share).least - bounds(other).most;
    found.push({ factor: { ...factor, failed: share, succeeded: other }, strength });
  }
  return found
    .toSorted((a, b) => b.strength - a.strength || order(a.factor, b.factor))
    .slice(0, FACTORS_MAX)
    .map(({ factor }) => factor);
}

const part = ({ have, of }: Share): number => have / of;

function countTraits(devices: readonly Traits[]): ReadonlyMap<string, number> {
  const counts = new Map<string, number>();
  for (const traits of devices)
    for (const [place, values] of traits)
      for (const value of new Set(values)) {
        const key = JSON.stringify([place, value]);
        counts.set(key, (counts.get(key) ?? 0) + 1);
      }
  return counts;
}

/** Wilson's interval at 95 %: where the share among all devices probably lies. */
function bounds({ have, of }: Share): { readonly least: number; readonly most: number } {
  const z = 1.96;
  const p = have / of;
  const middle = p + (z * z) / (2 * of);
  const spread = z * Math.sqrt((p * (1 - p)) / of + (z * z) / (4 * of * of));
  const scale = 1 + (z * z) / of;
  return { least: (middle - spread) / scale, most: (middle + spread) / scale };
}

/** Of two that are equally strong, the one that people can act on best comes first. */
const FIRST = ["inventory/device_type", "system/group", "inventory/artifact_name", "inventory/mender_client_version"];

function order(a: Factor, b: Factor): number {
  const [left, right] = [a, b].map(({ scope, attribute }) => `${scope}/${attribute}`) as [string, string];
  const rank = (place: string): number => (FIRST.includes(place) ? FIRST.indexOf(place) : FIRST.length);
  if (left !== right) return rank(left) - rank(right) || (left < right ? -1 : 1);
  return a.value < b.value ? -1 : 1;
}
