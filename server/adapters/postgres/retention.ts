import type { Postgres } from "./postgres.ts";

/** What grows with time and not with the fleet, and for how long it is kept. */
const KEPT = [
  { table: "idempotency", column: "created_at", for: "24 hours" },
  { table: "deployment_series", column: "minute", for: "400 days" },
] as const;

/** Rows of one transaction: none may hold locks for long. */
const BATCH = 5000;

/**
 * Removes what is older than it is kept. Several processes may do so at once.
 *
 * @param now another time than that of the database
 * @returns how many rows went, by table
 */
export async function removeOld(postgres: Postgres, now?: Date): Promise<Readonly<Record<string, number>>> {
  const removed: Record<string, number> = {};
  const tenants = await postgres.shared((session) => session.raw<{ id: string }>("SELECT id FROM tenants"));
  for (const { id: tenant } of tenants)
    for (const { table, column, for: kept } of KEPT)
      for (let rows = BATCH; rows === BATCH; ) {
        rows = await postgres.inTenant(tenant, async (session) => {
          const gone = await session.raw(
            `DELETE FROM ${table} WHERE ctid IN (SELECT ctid FROM ${table}
              WHERE tenant_id = $1 AND ${column} < coalesce($2, now()) - interval '${kept}' LIMIT ${BATCH}
              FOR UPDATE SKIP LOCKED) RETURNING 1`,
            [tenant, now ?? null],
          );
          return gone.length;
        });
        if (rows > 0) removed[table] = (removed[table] ?? 0) + rows;
      }
  return removed;
}
