import type { EffectResult, Effects, Keep } from "../../../src/core/deployment/driver-parts.ts";
import type { Snapshot } from "../../../src/core/deployment/snapshot.ts";
import { type EffectName, TABLE } from "../../../src/core/deployment/table.ts";

type Kept = Parameters<Keep>[0];
type Bound = Readonly<Record<EffectName, (s: Snapshot, signal: AbortSignal) => Promise<EffectResult>>>;

/** The effects as a driver calls them that puts what they keep into `kept`. */
export function keeping(effects: Effects, kept: Kept[] = []): Bound {
  const keep: Keep = async (found) => void kept.push(found);
  const bind =
    (name: EffectName): Bound[EffectName] =>
    (s, signal) =>
      effects[name](s, signal, keep);
  return Object.fromEntries(Object.values(TABLE).map(({ run }) => [run, bind(run)])) as Bound;
}
