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
  // The names of what changed are enough for an event: whoever wants more asks for the inventory.
  text: `WITH before AS (
      SELECT coalesce(attributes->'inventory', '{}') AS own, group_name FROM inventory
      WHERE tenant_id = $1 AND device_id = $2 FOR NO KEY UPDATE
    ), kept AS (
      UPDATE inventory i SET
        attributes = jsonb_set(attributes, '{inventory}', CASE WHEN $4::boolean THEN $3::jsonb ELSE own || $3::jsonb END),
        time_zone = coalesce($5, time_zone), updated_at = now()
      FROM before WHERE i.tenant_id = $1 AND i.device_id = $2
      RETURNING i.device_id, i.attributes->'inventory' AS own
    ), changed AS (
      SELECT kept.device_id, before.group_name, ARRAY(
        SELECT coalesce(a.key, b.key) FROM jsonb_each(kept.own) a FULL JOIN jsonb_each(before.own) b USING (key)
        WHERE a.value IS DISTINCT FROM b.value ORDER BY 1) AS names
      FROM kept, before WHERE kept.own <> before.own
    ), told AS (
      INSERT INTO outbox (tenant_id, key, type, data)
      SELECT $1, gen_random_uuid(), 'device-inventory-changed',
        jsonb_build_object('id', device_id, 'group', group_name, 'changed', names) FROM changed
    )
    SELECT device_id FROM kept`,
};
