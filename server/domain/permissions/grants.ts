import { PERMISSION_SETS, type ScopedSet } from "./matrix.ts";
import { PERMISSIONS, type Permission } from "./permissions.ts";

/** Where a permission holds: everywhere, or in these groups or for these tags. */
type Extent = "all" | ReadonlySet<string>;

/** What a person may do, and where. What is missing is denied. */
export type Grants = ReadonlyMap<Permission, Extent>;

/** What somebody sees of a tenant. `undefined`: all devices, or all releases. */
export interface Sight {
  readonly groups: readonly string[] | undefined;
  readonly tags: readonly string[] | undefined;
}

export const EVERYTHING: Sight = { groups: undefined, tags: undefined };

/** Adds up permission sets: the more of them, the more is allowed. Whoever has none still has their own account. */
export function grantsOf(sets: readonly ScopedSet[]): Grants {
  const grants = new Map<Permission, Extent>([["Basic", "all"]]);
  for (const { name, scope } of sets)
    for (const permission of PERMISSION_SETS[name].permissions) {
      const present = grants.get(permission);
      if (scope === undefined || present === "all") grants.set(permission, "all");
      else grants.set(permission, new Set([...(present ?? []), ...scope.value]));
    }
  return grants;
}

/** Whether the first may do all that the second may. Nobody can give, or take over, more than they have. */
export function covers(first: Grants, second: Grants): boolean {
  return [...second].every(([permission, extent]) => {
    const own = first.get(permission);
    if (own === undefined || own === "all") return own === "all";
    return extent !== "all" && [...extent].every((place) => own.has(place));
  });
}

/**
 * What a person sees in a request that needs `permission`: the scope of this permission. What it does not limit is
 * limited by the permission to read it, as a deployment also needs a release.
 */
export function sightOf(grants: Grants, permission: Permission): Sight {
  const kind = PERMISSIONS[permission];
  const placesOf = (one: Permission): readonly string[] | undefined => {
    const extent = grants.get(one);
    return extent === "all" ? undefined : [...(extent ?? [])];
  };
  return {
    groups: placesOf(kind === "groups" ? permission : "ReadDevices"),
    tags: placesOf(kind === "tags" ? permission : "ReadReleases"),
  };
}
