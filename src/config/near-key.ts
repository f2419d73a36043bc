/** Keys of the file that other clients and programs read, but this agent does not. */
export const FOREIGN_KEYS = [
  "Connectivity",
  "DBus",
  "DeviceTier",
  "ClientProtocol",
  "UpdateControlMapExpirationTimeSeconds",
  "UpdateControlMapBootExpirationTimeSeconds",
];

/** The known key that an unknown key is probably a misspelling of. */
export function nearestKey(unknown: string, known: readonly string[]): string | undefined {
  const key = unknown.toLowerCase();
  if (FOREIGN_KEYS.some((name) => name.toLowerCase() === key)) return undefined;
  const near = known
    .map((name) => ({ name, distance: distance(key, name.toLowerCase()) }))
    .filter((candidate) => candidate.distance <= candidate.name.length / 4)
    .sort((a, b) => a.distance - b.distance);
  return near[0]?.name;
}

/** Edit distance: letters to insert, remove or replace. */
function distance(a: string, b: string): number {
  // The key of another program may be long, and a key that long is not a misspelling.
  if (Math.abs(a.length - b.length) > b.length) return Number.POSITIVE_INFINITY;
  let row = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (const [i, letter] of [...a].entries()) {
    const next = [i + 1];
    for (const [j, other] of [...b].entries()) {
      const replaced = (row[j] ?? 0) + (letter === other ? 0 : 1);
      next.push(Math.min(replaced, (row[j + 1] ?? 0) + 1, (next[j] ?? 0) + 1));
    }
    row = next;
  }
  return row[b.length] ?? 0;
}
