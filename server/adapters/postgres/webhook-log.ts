import type { EventType } from "../../domain/events/event-types.ts";
import type { Session } from "./postgres.ts";

/** A delivery to a webhook. */
export interface DeliveryRow {
  readonly key: string;
  readonly type: EventType;
  readonly state: "waiting" | "delivered" | "failed";
  readonly attempts: number;
  readonly status: number | null;
  readonly error: string | null;
  readonly duration_ms: number | null;
  readonly attempted_at: Date | null;
  /** When it is tried again, if it waits. */
  readonly next_at: Date;
  readonly created_at: Date;
}

interface Window {
  readonly offset: number;
  readonly limit: number;
}

/** The deliveries to a webhook, newest first. */
export function listDeliveries(
  session: Session,
  tenant: string,
  webhook: string,
  state: DeliveryRow["state"] | undefined,
  { offset, limit }: Window,
): Promise<DeliveryRow[]> {
  return session.raw<DeliveryRow & Record<string, unknown>>(
    `SELECT e.key, e.type, d.state, d.attempts, d.status, d.error, d.duration_ms, d.attempted_at, d.next_at, e.created_at
      FROM webhook_deliveries d JOIN events e ON e.tenant_id = d.tenant_id AND e.id = d.event_id
      WHERE d.tenant_id = $1 AND d.webhook_id = $2 AND ($3::text IS NULL OR d.state = $3)
      ORDER BY d.event_id DESC OFFSET $4 LIMIT $5`,
    [tenant, webhook, state ?? null, offset, limit],
  );
}

/** An event with its deliveries, in Mender's words. */
export interface EventRow {
  readonly key: string;
  readonly type: EventType;
  readonly data: Record<string, unknown>;
  readonly created_at: Date;
  readonly delivery_statuses: readonly {
    readonly integration_id: string;
    readonly success: boolean;
    readonly status_code?: number;
    readonly error?: string;
  }[];
}

/** The events that a webhook, or any webhook, gets. Newest first. */
export function listDeliveredEvents(
  session: Session,
  tenant: string,
  webhook: string | undefined,
  { offset, limit }: Window,
): Promise<EventRow[]> {
  return session.raw<EventRow & Record<string, unknown>>(
    `SELECT e.key, e.type, e.data, e.created_at, d.delivery_statuses FROM events e, LATERAL (
        SELECT jsonb_agg(jsonb_strip_nulls(jsonb_build_object('integration_id', webhook_id,
          'success', state = 'delivered', 'status_code', status, 'error', error)) ORDER BY webhook_id) AS delivery_statuses
        FROM webhook_deliveries d WHERE d.tenant_id = e.tenant_id AND d.event_id = e.id
          AND ($2::uuid IS NULL OR d.webhook_id = $2)) AS d
      WHERE e.tenant_id = $1 AND d.delivery_statuses IS NOT NULL ORDER BY e.id DESC OFFSET $3 LIMIT $4`,
    [tenant, webhook ?? null, offset, limit],
  );
}
