import { randomUUID } from "node:crypto";
import type { Happening } from "../../domain/events/event-types.ts";
import { type Postgres, type Session, sql } from "./postgres.ts";
import type { StoredEvent } from "./stored-event.ts";
import { queueDeliveries } from "./webhook-queue.ts";

/**
 * Writes down what happened, in the transaction in which it happens: either both are kept, or neither is. The event has
 * no number yet, and readers do not see it. `numberEvents` gives it one soon after the commit.
 */
export async function writeEvent(session: Session, tenant: string, { type, data }: Happening): Promise<void> {
  await session.run(
    sql.insertInto("outbox").values({ tenant_id: tenant, key: randomUUID(), type, data: JSON.stringify(data) }),
  );
}

type NumberedEvent = Pick<StoredEvent, "id" | "type"> & Record<string, unknown>;

/** Events of one transaction: none may hold the lock for long. */
const BATCH = 1000;
/** Any number: whoever gives numbers holds it. */
const LOCK = 7_340_522;

/**
 * Moves events from the outbox into `events`, where they have numbers.
 *
 * A sequence alone would not do: of two transactions, the one that takes the smaller number may commit last, and a
 * reader that has gone past it would miss its event. Here only committed events get numbers, and only one process at a
 * time gives them, until its own commit: whoever has seen a number can have seen all smaller ones.
 * Deliveries to webhooks are queued in the same transaction, so that a crash loses none and queues none twice.
 *
 * @returns how many events got a number
 */
export async function numberEvents(postgres: Postgres): Promise<number> {
  let numbered = 0;
  for (;;) {
    const moved = await postgres.shared(numberSome);
    numbered += moved;
    if (moved < BATCH) return numbered;
  }
}

async function numberSome(session: Session): Promise<number> {
  const [lock] = await session.raw<{ free: boolean }>(`SELECT pg_try_advisory_xact_lock(${LOCK}) AS free`);
  if (lock?.free !== true) return 0;
  const waiting = await session.raw<{ tenant: string; ids: number[] }>(
    `SELECT tenant_id AS tenant, array_agg(id::float8 ORDER BY id) AS ids
      FROM (SELECT id, tenant_id FROM outbox ORDER BY id LIMIT ${BATCH}) AS oldest GROUP BY tenant_id`,
  );
  for (const { tenant, ids } of waiting) {
    // Row-level security shows one tenant at a time.
    await session.raw("SELECT set_config('app.tenant', $1, true)", [tenant]);
    await queueDeliveries(session, tenant, await session.raw<NumberedEvent>(MOVE, [tenant, ids]));
    await session.raw("SELECT pg_notify('switchback', json_build_object('tenant', $1::text, 'what', 'events')::text)", [
      tenant,
    ]);
  }
  return waiting.reduce((sum, { ids }) => sum + ids.length, 0);
}

const MOVE = `WITH moved AS (
    DELETE FROM outbox WHERE id = ANY ($2::bigint[]) RETURNING id, key, type, data, created_at
  )
  INSERT INTO events (tenant_id, key, type, data, created_at)
  SELECT $1, key, type, data, created_at FROM moved ORDER BY id
  RETURNING id, type`;

/** Events after a number, in the order of their numbers. */
export function readEvents(
  postgres: Postgres,
  tenant: string,
  { after, limit }: { readonly after: number; readonly limit: number },
): Promise<StoredEvent[]> {
  return postgres.prepared<StoredEvent & Record<string, unknown>>(tenant, READ, [tenant, after, limit]);
}

const READ = {
  name: "read-events",
  text: "SELECT id, key, type, data, created_at FROM events WHERE tenant_id = $1 AND id > $2 ORDER BY id LIMIT $3",
};

/** The numbers of the oldest and of the newest event that is kept. Both 0: there is none. */
export async function eventBounds(
  postgres: Postgres,
  tenant: string,
): Promise<{ readonly oldest: number; readonly newest: number }> {
  const [row] = await postgres.prepared<{ oldest: number | null; newest: number | null }>(tenant, BOUNDS, [tenant]);
  return { oldest: row?.oldest ?? 0, newest: row?.newest ?? 0 };
}

const BOUNDS = {
  name: "event-bounds",
  text: "SELECT min(id) AS oldest, max(id) AS newest FROM events WHERE tenant_id = $1",
};

/** How many events there are after a number, up to `limit`. */
export async function countAfter(postgres: Postgres, tenant: string, after: number, limit: number): Promise<number> {
  const [row] = await postgres.prepared<{ n: number }>(tenant, COUNT, [tenant, after, limit]);
  return row?.n ?? 0;
}

const COUNT = {
  name: "count-events",
  text: "SELECT count(*) AS n FROM (SELECT FROM events WHERE tenant_id = $1 AND id > $2 LIMIT $3) AS later",
};
