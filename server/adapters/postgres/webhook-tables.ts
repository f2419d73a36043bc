import type { ColumnType, Generated } from "kysely";

type Stamp = ColumnType<Date, Date | undefined, Date>;

/** Tables of webhooks: see tables.ts. */
export interface WebhookTable {
  tenant_id: string;
  id: string;
  url: string;
  secret: Buffer | null;
  description: Generated<string>;
  events: string[];
  failures: Generated<number>;
  failing_since: Date | null;
  disabled_at: Date | null;
  disabled_reason: string | null;
  created_at: Stamp;
}

export interface WebhookDeliveryTable {
  tenant_id: string;
  webhook_id: string;
  event_id: number;
  state: Generated<string>;
  attempts: Generated<number>;
  next_at: Stamp;
  attempted_at: Date | null;
  status: number | null;
  error: string | null;
  duration_ms: number | null;
  created_at: Stamp;
}
