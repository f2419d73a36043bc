import type { EventType } from "../../domain/events/event-types.ts";
import type { Postgres, Session } from "./postgres.ts";
import type { StoredEvent } from "./stored-event.ts";

/** Queues events for the webhooks that want them, in the transaction that gives them their numbers. */
export async function queueDeliveries(
  session: Session,
  tenant: string,
  events: readonly { readonly id: number; readonly type: EventType }[],
): Promise<void> {
  await session.raw(QUEUE, [tenant, events.map(({ id }) => id), events.map(({ type }) => type)]);
}

// The update locks the row of each webhook also if it is due already. Without that, the end of a delivery, which sees
// nothing more to deliver and puts the webhook to sleep, could come between.
const QUEUE = `WITH queued AS (
    INSERT INTO webhook_deliveries (tenant_id, webhook_id, event_id)
    SELECT $1, w.id, e.id FROM unnest($2::bigint[], $3::text[]) AS e (id, type)
    JOIN webhooks w ON w.tenant_id = $1 AND w.disabled_at IS NULL AND e.type = ANY (w.events)
    RETURNING webhook_id
  )
  UPDATE webhook_queues SET due_at = least(due_at, CASE WHEN due_at = 'infinity' THEN now() ELSE due_at END)
  WHERE webhook_id IN (SELECT webhook_id FROM queued)`;

/** A webhook that this process delivers for, and no other one. */
export interface Claim {
  readonly tenant: string;
  readonly webhook: string;
}

/** A process that has not said how it went by then has crashed, and another one delivers. */
const CLAIM_S = 60;

/** Takes webhooks that are due. */
export async function claimWebhooks(postgres: Postgres, limit: number): Promise<Claim[]> {
  return postgres.shared((session) =>
    session.raw<Claim & Record<string, unknown>>(
      `UPDATE webhook_queues q SET claimed_until = now() + interval '${CLAIM_S} seconds'
        FROM (SELECT webhook_id FROM webhook_queues
          WHERE due_at <= now() AND (claimed_until IS NULL OR claimed_until <= now())
          ORDER BY due_at LIMIT $1 FOR UPDATE SKIP LOCKED) AS due
        WHERE q.webhook_id = due.webhook_id RETURNING q.tenant_id AS tenant, q.webhook_id AS webhook`,
      [limit],
    ),
  );
}

/** What a webhook has to deliver now. */
export interface Due {
  readonly url: string;
  readonly secret: Buffer | undefined;
  /** How many attempts have failed since the last one that succeeded. */
  readonly failures: number;
  readonly deliveries: readonly (StoredEvent & { readonly attempts: number })[];
}

/** @returns `undefined` if the webhook is gone or disabled */
export async function readDue(session: Session, { tenant, webhook }: Claim, limit: number): Promise<Due | undefined> {
  const [row] = await session.raw<{ url: string; secret: Buffer | null; failures: number }>(
    "SELECT url, secret, failures FROM webhooks WHERE tenant_id = $1 AND id = $2 AND disabled_at IS NULL",
    [tenant, webhook],
  );
  if (row === undefined) return undefined;
  const deliveries = await session.raw<Due["deliveries"][number] & Record<string, unknown>>(
    `SELECT e.id, e.key, e.type, e.data, e.created_at, d.attempts FROM webhook_deliveries d
      JOIN events e ON e.tenant_id = d.tenant_id AND e.id = d.event_id
      WHERE d.tenant_id = $1 AND d.webhook_id = $2 AND d.state = 'waiting' AND d.next_at <= now()
      ORDER BY d.next_at, d.event_id LIMIT $3`,
    [tenant, webhook, row.failures > 0 ? 1 : limit],
  );
  return { ...row, secret: row.secret ?? undefined, deliveries };
}

/** How the delivery of an event went. */
export interface Result {
  readonly event: number;
  readonly isDelivered: boolean;
  readonly status: number | undefined;
  readonly error: string | undefined;
  readonly durationMs: number;
  /** Seconds until it is tried again, if it is not delivered. */
  readonly retryAfterS: number;
}

export interface Ended {
  readonly results: readonly Result[];
  /** How many attempts have failed since the last one that succeeded. */
  readonly failures: number;
  /** Whether an attempt has succeeded. */
  readonly hasDelivered: boolean;
  /** Seconds for which nothing is sent to the webhook. */
  readonly pauseS: number;
  /** Seconds for which a webhook may fail before it is disabled, and an event may wait. */
  readonly giveUpAfterS: number;
}

/** Records how deliveries went, and gives the webhook back. @returns whether the webhook is disabled now */
export async function endClaim(session: Session, { tenant, webhook }: Claim, ended: Ended): Promise<boolean> {
  const { results, failures, hasDelivered, pauseS, giveUpAfterS } = ended;
  await session.raw("SELECT FROM webhook_queues WHERE webhook_id = $1 FOR UPDATE", [webhook]);
  // What another process has delivered meanwhile stays delivered.
  await session.raw(RECORD, [
    ...[tenant, webhook, results.map(({ event }) => event), results.map(({ isDelivered }) => isDelivered)],
    ...[results.map(({ status }) => status ?? null), results.map(({ error }) => error ?? null)],
    ...[results.map(({ durationMs }) => durationMs), results.map(({ retryAfterS }) => retryAfterS)],
    giveUpAfterS,
  ]);
  const [row] = await session.raw<{ disabled: boolean }>(
    `UPDATE webhooks SET failures = $3, failing_since = since,
        disabled_at = CASE WHEN is_over THEN now() END, disabled_reason = CASE WHEN is_over THEN $5 END
      FROM (SELECT since, coalesce(since < now() - make_interval(secs => $4), false) AS is_over FROM (
        SELECT CASE WHEN $3::int = 0 THEN NULL WHEN $6 THEN now() ELSE coalesce(failing_since, now()) END AS since
        FROM webhooks WHERE tenant_id = $1 AND id = $2) AS x) AS y
      WHERE tenant_id = $1 AND id = $2 AND disabled_at IS NULL RETURNING disabled_at IS NOT NULL AS disabled`,
    [
      ...[tenant, webhook, failures, giveUpAfterS],
      ...[results.findLast(({ isDelivered }) => !isDelivered)?.error ?? null, hasDelivered],
    ],
  );
  const isDisabled = row?.disabled === true;
  if (isDisabled)
    await session.raw(
      `UPDATE webhook_deliveries SET state = 'failed' WHERE tenant_id = $1 AND webhook_id = $2 AND state = 'waiting'`,
      [tenant, webhook],
    );
  await session.raw(
    `UPDATE webhook_queues SET claimed_until = NULL, due_at = coalesce((
        SELECT greatest(min(next_at), now() + make_interval(secs => $3)) FROM webhook_deliveries
        WHERE tenant_id = $2 AND webhook_id = $1 AND state = 'waiting'), 'infinity')
      WHERE webhook_id = $1`,
    [webhook, tenant, pauseS],
  );
  return isDisabled;
}

const RECORD = `UPDATE webhook_deliveries d SET
    state = CASE WHEN r.delivered THEN 'delivered' WHEN d.created_at < now() - make_interval(secs => $9) THEN 'failed'
      ELSE 'waiting' END, attempts = d.attempts + 1,
    attempted_at = now(), status = r.status, error = r.error, duration_ms = r.duration,
    next_at = now() + make_interval(secs => r.retry)
  FROM unnest($3::bigint[], $4::boolean[], $5::int[], $6::text[], $7::int[], $8::float8[])
    AS r (event, delivered, status, error, duration, retry)
  WHERE d.tenant_id = $1 AND d.webhook_id = $2 AND d.event_id = r.event AND d.state = 'waiting'`;

/** How many deliveries wait, and how many webhooks are disabled, over all tenants. */
export async function countWaiting(
  postgres: Postgres,
): Promise<{ readonly waiting: number; readonly failing: number; readonly disabled: number }> {
  return postgres.shared(async (session) => {
    const sum = { waiting: 0, failing: 0, disabled: 0 };
    const tenants = await session.raw<{ id: string }>("SELECT DISTINCT tenant_id AS id FROM webhook_queues");
    for (const { id } of tenants) {
      // Row-level security shows one tenant at a time.
      await session.raw("SELECT set_config('app.tenant', $1, true)", [id]);
      const [row] = await session.raw<typeof sum>(
        `SELECT (SELECT count(*) FROM webhook_deliveries WHERE tenant_id = $1 AND state = 'waiting') AS waiting,
          count(*) FILTER (WHERE failures > 0) AS failing, count(*) FILTER (WHERE disabled_at IS NOT NULL) AS disabled
          FROM webhooks WHERE tenant_id = $1`,
        [id],
      );
      sum.waiting += row?.waiting ?? 0;
      sum.failing += row?.failing ?? 0;
      sum.disabled += row?.disabled ?? 0;
    }
    return sum;
  });
}
