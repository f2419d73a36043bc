import type { Delivery, Integration } from "../../../../src/protocol/api/webhooks.ts";
import type { DeliveryRow, EventRow } from "../../../adapters/postgres/webhook-log.ts";
import type { WebhookRow } from "../../../adapters/postgres/webhooks.ts";
import { messageOf } from "../../../domain/webhooks/message.ts";

/** A webhook as Mender shows integrations. Whoever has its secret shows that there is one. */
export const shownIntegration = (row: WebhookRow): Integration => ({
  id: row.id,
  provider: "webhook",
  credentials: { type: "http", http: { url: row.url, ...(row.has_secret && { secret: "<omitted>" }) } },
  description: row.description,
  events: [...row.events],
  status: row.disabled_at !== null ? "disabled" : row.failing_since !== null ? "failing" : "active",
  ...(row.failing_since !== null && { failing_since: row.failing_since.toISOString() }),
  ...(row.disabled_reason !== null && { reason: row.disabled_reason }),
  created_ts: row.created_at.toISOString(),
});

export const shownDelivery = (row: DeliveryRow): Delivery => ({
  ...{ id: row.key, type: row.type, state: row.state, attempts: row.attempts },
  ...(row.status !== null && { status_code: row.status }),
  ...(row.error !== null && { error: row.error }),
  ...(row.duration_ms !== null && { duration_ms: row.duration_ms }),
  time: row.created_at.toISOString(),
  ...(row.attempted_at !== null && { attempted_ts: row.attempted_at.toISOString() }),
  ...(row.state === "waiting" && { next_ts: row.next_at.toISOString() }),
});

export const shownEvent = (row: EventRow) => ({
  ...messageOf(row),
  delivery_statuses: row.delivery_statuses.map((one) => ({ ...one })),
});
