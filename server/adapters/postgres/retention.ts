import type { Postgres } from "./postgres.ts";

/** What grows with time and not with the fleet, and for how long it is kept. */
const KEPT = [
  { table: "idempotency", column: "created_at", for: "24 hours" },
  { table: "password_links", column: "expires_at", for: "1 day" },
  { table: "deployment_series", column: "minute", for: "400 days" },
  // What was used up until then says nothing any more.
  { table: "download_budgets", column: "free_at", for: "1 hour" },
] as const;

/** How many events of a tenant are kept, and for how long. Their deliveries go with them. */
const EVENTS = { days: 30, number: 1_000_000 } as const;

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
  for (const { id: tenant } of tenants) {
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
    const events = await removeOldEvents(postgres, tenant, now);
    if (events > 0) removed["events"] = (removed["events"] ?? 0) + events;
  }
  const mails = await postgres.shared((session) =>
    session.raw("DELETE FROM jobs WHERE failed_at < coalesce($1, now()) - interval '30 days' RETURNING 1", [
      now ?? null,
    ]),
  );
  if (mails.length > 0) removed["jobs"] = mails.length;
  return removed;
}

/** Removes old events, but none that still waits for its delivery. */
export async function removeOldEvents(
  postgres: Postgres,
  tenant: string,
  now: Date | undefined,
  { days, number }: { readonly days: number; readonly number: number } = EVENTS,
): Promise<number> {
  let removed = 0;
  for (let rows = BATCH; rows === BATCH; removed += rows)
    rows = await postgres.inTenant(tenant, async (session) => {
      const gone = await session.raw(
        `DELETE FROM events WHERE ctid IN (SELECT ctid FROM events e
          WHERE tenant_id = $1 AND (created_at < coalesce($2, now()) - make_interval(days => $3)
              OR id <= (SELECT id FROM events WHERE tenant_id = $1 ORDER BY id DESC OFFSET $4 LIMIT 1))
            AND NOT EXISTS (SELECT FROM webhook_deliveries d
              WHERE d.tenant_id = e.tenant_id AND d.event_id = e.id AND d.state = 'waiting')
          ORDER BY id LIMIT ${BATCH} FOR UPDATE SKIP LOCKED) RETURNING 1`,
        [tenant, now ?? null, days, number],
      );
      return gone.length;
    });
  return removed;
}
