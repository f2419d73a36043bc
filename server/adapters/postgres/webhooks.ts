import type { EventType } from "../../domain/events/event-types.ts";
import type { Session } from "./postgres.ts";

/** A webhook, without its secret. */
export interface WebhookRow {
  readonly id: string;
  readonly url: string;
  readonly has_secret: boolean;
  readonly description: string;
  readonly events: readonly EventType[];
  /** Since when no delivery has succeeded. */
  readonly failing_since: Date | null;
  readonly disabled_at: Date | null;
  readonly disabled_reason: string | null;
  readonly created_at: Date;
}

const SELECT = `SELECT id, url, secret IS NOT NULL AS has_secret, description, events, failing_since, disabled_at,
    disabled_reason, created_at FROM webhooks WHERE tenant_id = $1`;

export function listWebhooks(
  session: Session,
  tenant: string,
  { offset, limit }: { readonly offset: number; readonly limit: number },
): Promise<WebhookRow[]> {
  return session.raw<WebhookRow & Record<string, unknown>>(`${SELECT} ORDER BY created_at, id OFFSET $2 LIMIT $3`, [
    ...[tenant, offset, limit],
  ]);
}

export async function findWebhook(session: Session, tenant: string, id: string): Promise<WebhookRow | undefined> {
  const [row] = await session.raw<WebhookRow & Record<string, unknown>>(`${SELECT} AND id = $2`, [tenant, id]);
  return row;
}

export interface NewWebhook {
  readonly id: string;
  readonly url: string;
  readonly secret: Buffer | undefined;
  readonly description: string;
  readonly events: readonly EventType[];
}

/** More would make each event a burden. */
const WEBHOOKS_MAX = 50;

/** Makes a webhook. Events that get their numbers from now on are delivered to it. @returns whether there is room for it */
export async function addWebhook(session: Session, tenant: string, webhook: NewWebhook): Promise<boolean> {
  // One after the other, so that the limit holds.
  await session.raw("SELECT pg_advisory_xact_lock(hashtextextended($1, 4))", [tenant]);
  const [count] = await session.raw<{ n: number }>("SELECT count(*) AS n FROM webhooks WHERE tenant_id = $1", [tenant]);
  if ((count?.n ?? 0) >= WEBHOOKS_MAX) return false;
  const { id, url, secret, description, events } = webhook;
  await session.raw(
    "INSERT INTO webhooks (tenant_id, id, url, secret, description, events) VALUES ($1, $2, $3, $4, $5, $6)",
    [tenant, id, url, secret ?? null, description, events],
  );
  await session.raw("INSERT INTO webhook_queues (webhook_id, tenant_id) VALUES ($1, $2)", [id, tenant]);
  return true;
}

/** Removes a webhook and what waits for it. @returns whether it was there */
export async function removeWebhook(session: Session, tenant: string, id: string): Promise<boolean> {
  const gone = await session.raw("DELETE FROM webhooks WHERE tenant_id = $1 AND id = $2 RETURNING 1", [tenant, id]);
  return gone.length > 0;
}

/** Gives a webhook another address and secret, and enables it. @returns whether it is there */
export async function replaceCredentials(
  session: Session,
  tenant: string,
  id: string,
  { url, secret }: Pick<NewWebhook, "url" | "secret">,
): Promise<boolean> {
  const changed = await session.raw(
    "UPDATE webhooks SET url = $3, secret = $4 WHERE tenant_id = $1 AND id = $2 RETURNING 1",
    [tenant, id, url, secret ?? null],
  );
  return changed.length > 0 && enableWebhook(session, tenant, id);
}

/** Enables a webhook that was disabled after failures. What it missed meanwhile does not come again. */
export async function enableWebhook(session: Session, tenant: string, id: string): Promise<boolean> {
  const changed = await session.raw(
    `UPDATE webhooks SET failures = 0, failing_since = NULL, disabled_at = NULL, disabled_reason = NULL
      WHERE tenant_id = $1 AND id = $2 RETURNING 1`,
    [tenant, id],
  );
  // What waits has waited for the receiver: it is tried at once.
  await session.raw(
    "UPDATE webhook_deliveries SET next_at = now() WHERE tenant_id = $1 AND webhook_id = $2 AND state = 'waiting'",
    [tenant, id],
  );
  await session.raw(
    "UPDATE webhook_queues SET due_at = least(due_at, now()) WHERE webhook_id = $1 AND due_at <> 'infinity'",
    [id],
  );
  return changed.length > 0;
}

/** The address and the secret of a webhook, for a message that is sent at once. */
export async function findReceiver(
  session: Session,
  tenant: string,
  id: string,
): Promise<{ readonly url: string; readonly secret: Buffer | undefined } | undefined> {
  const [row] = await session.raw<{ url: string; secret: Buffer | null }>(
    "SELECT url, secret FROM webhooks WHERE tenant_id = $1 AND id = $2",
    [tenant, id],
  );
  return row && { url: row.url, secret: row.secret ?? undefined };
}
