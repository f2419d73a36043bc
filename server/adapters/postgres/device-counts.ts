import type { Session } from "./postgres.ts";

/** As many rows has each counter. Devices that change at once rarely wait for each other. */
const SHARDS = 8;

/** The row of a counter that a device changes. */
const shardOf = (device: string): number => Number.parseInt(device.slice(0, 2), 16) % SHARDS;

interface CountChange {
  readonly device: string;
  /** `status:accepted`, `group:NAME` and so on: see the table device_counts. */
  readonly what: string;
  readonly change: number;
}

/** Changes counters in one statement, which locks their rows in the same order in each transaction. */
export async function countMany(session: Session, tenant: string, changes: readonly CountChange[]): Promise<void> {
  const sums = new Map<string, { what: string; shard: number; change: number }>();
  for (const { device, what, change } of changes) {
    const shard = shardOf(device);
    const key = `${what} ${shard}`;
    sums.set(key, { what, shard, change: change + (sums.get(key)?.change ?? 0) });
  }
  const rows = [...sums.values()]
    .filter(({ change }) => change !== 0)
    .toSorted((a, b) => (a.what === b.what ? a.shard - b.shard : a.what < b.what ? -1 : 1));
  if (rows.length === 0) return;
  await session.raw(
    `INSERT INTO device_counts (tenant_id, what, shard, n)
      SELECT $1, what, shard, change FROM unnest($2::text[], $3::smallint[], $4::bigint[]) AS x (what, shard, change)
      ON CONFLICT (tenant_id, what, shard) DO UPDATE SET n = device_counts.n + excluded.n`,
    [tenant, rows.map(({ what }) => what), rows.map(({ shard }) => shard), rows.map(({ change }) => change)],
  );
}

/** Changes the counters of one device, in the transaction that changes the device. */
export function countDevices(
  session: Session,
  tenant: string,
  device: string,
  changes: Readonly<Record<string, number>>,
): Promise<void> {
  return countMany(
    session,
    tenant,
    Object.entries(changes).map(([what, change]) => ({ device, what, change })),
  );
}

/** The value of each counter whose name begins so. */
export async function readCounts(
  session: Session,
  tenant: string,
  prefix: string,
): Promise<ReadonlyMap<string, number>> {
  const rows = await session.raw<{ what: string; n: number }>(
    `SELECT what, sum(n)::bigint AS n FROM device_counts
      WHERE tenant_id = $1 AND starts_with(what, $2) GROUP BY what HAVING sum(n) > 0 ORDER BY what`,
    [tenant, prefix],
  );
  return new Map(rows.map(({ what, n }) => [what, n]));
}

/** The value of one counter, or for `status:` the number of all devices. */
export async function readCounter(session: Session, tenant: string, what: string): Promise<number> {
  const counts = await readCounts(session, tenant, what);
  return what === "status:" ? [...counts.values()].reduce((sum, n) => sum + n, 0) : (counts.get(what) ?? 0);
}
