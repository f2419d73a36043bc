import type { Plan } from "../../../src/protocol/api/rollouts.ts";
import type { Counts } from "./counts.ts";

/** How many devices may have begun when this wave is open and full. A share of a device is a device. */
export function reachOf(
  { waves }: Plan,
  index: number,
  { devices, groups }: Pick<Counts, "devices" | "groups">,
): number {
  if (index >= waves.length - 1) return devices;
  const sizes = waves.slice(0, index + 1).map(({ percent, count, group }) => {
    if (group !== undefined) return groups[group] ?? 0;
    return count ?? Math.ceil((devices * (percent ?? 0)) / 100 - 1e-9);
  });
  return Math.min(
    devices,
    sizes.reduce((sum, size) => sum + size, 0),
  );
}

/** What a device needs to begin: a place in the hash below `below`, or a group. */
export interface Door {
  readonly below: number;
  readonly groups: readonly string[];
}

/**
 * The devices for which the first waves are open. More of them than may begin: devices that are switched off must not
 * hold a wave up. Who of them begins is decided by who asks first.
 */
export function doorOf(plan: Plan, open: number, counts: Pick<Counts, "devices" | "groups">): Door {
  if (open === 0) return { below: 0, groups: [] };
  const groups = plan.waves.slice(0, open).flatMap(({ group }) => (group === undefined ? [] : [group]));
  if (open === plan.waves.length) return { below: 1, groups };
  const isOnlyGroups = plan.waves.slice(0, open).every(({ group }) => group !== undefined);
  const reach = reachOf(plan, open - 1, counts);
  const below = (1.5 * reach + 4 * Math.sqrt(reach) + 8) / Math.max(1, counts.devices);
  return { below: isOnlyGroups ? 0 : Math.min(1, below), groups };
}
