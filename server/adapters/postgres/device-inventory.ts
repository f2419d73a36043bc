import type { Postgres } from "./postgres.ts";
import type { AttributeValue } from "./tables.ts";

export interface InventoryChange {
  readonly attributes: Readonly<Record<string, AttributeValue>>;
  readonly timeZone: string | undefined;
  /** Whether attributes that the device does not send any more go away. */
  readonly replaces: boolean;
}

/** Keeps what a device says of itself. The other scopes of its inventory stay. @returns whether the device is there */
export async function keepInventory(
  postgres: Postgres,
  tenant: string,
  device: string,
  { attributes, timeZone, replaces }: InventoryChange,
): Promise<boolean> {
  const rows = await postgres.prepared(tenant, KEEP, [
    ...[tenant, device, JSON.stringify(attributes), replaces, timeZone ?? null],
  ]);
  return rows.length > 0;
}

const KEEP = {
  name: "keep-inventory",
  text: `UPDATE inventory SET
      attributes = jsonb_set(attributes, '{inventory}',
        CASE WHEN $4::boolean THEN $3::jsonb ELSE coalesce(attributes->'inventory', '{}') || $3::jsonb END),
      time_zone = coalesce($5, time_zone), updated_at = now()
    WHERE tenant_id = $1 AND device_id = $2 RETURNING device_id`,
};
