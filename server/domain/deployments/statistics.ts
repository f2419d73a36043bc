/** All statuses of a device in a deployment, as Mender names them. */
const STATUSES = [
  ...["success", "pending", "downloading", "rebooting", "installing", "failure", "noartifact", "already-installed"],
  ...["aborted", "pause_before_installing", "pause_before_rebooting", "pause_before_committing", "decommissioned"],
] as const;

/**
 * How many devices have each status. Devices that have not asked yet are not counted: they are those that are missing
 * from the number of all devices.
 */
export function statisticsOf(counts: ReadonlyMap<string, number>, deviceCount: number): Record<string, number> {
  const numbers = Object.fromEntries(STATUSES.map((status) => [status, counts.get(status) ?? 0]));
  const asked = [...counts].reduce((sum, [status, n]) => (status === "pending" ? sum : sum + n), 0);
  return { ...numbers, pending: Math.max(0, deviceCount - asked) };
}

const GROUPS: Readonly<Record<string, (status: string) => boolean>> = {
  active: (status) => !isEnd(status) && status !== "pending",
  pause: (status) => status.startsWith("pause_before_"),
  finished: (status) => isEnd(status),
};

const ENDS = new Set<string>(["success", "failure", "noartifact", "already-installed", "aborted", "decommissioned"]);
const isEnd = (status: string): boolean => ENDS.has(status);

/** The statuses that a filter asks for: one, or one of Mender's words for several. `undefined`: there is no such word. */
export function statusesOf(filter: string): readonly string[] | undefined {
  const one = STATUSES.filter((status) => status === filter);
  const group = Object.hasOwn(GROUPS, filter) ? GROUPS[filter] : undefined;
  const found = group === undefined ? one : STATUSES.filter(group);
  return found.length === 0 ? undefined : found;
}

/** The status of a device that has not asked yet; `undefined` if the deployment does not wait for any. */
export function statusOfUnasked(state: "pending" | "inprogress" | "finished" | "aborted"): string | undefined {
  return { pending: "pending", inprogress: "pending", aborted: "aborted", finished: undefined }[state];
}
