import type { Session } from "./postgres.ts";

/** Forgets what a device reported, and its tags. What it is stays: identity, status and group. @returns whether it was there */
export async function clearInventory(session: Session, tenant: string, device: string): Promise<boolean> {
  const rows = await session.raw(
    `UPDATE inventory i SET attributes = jsonb_build_object('identity', d.identity), tags = '{}', tags_rev = i.tags_rev + 1,
      updated_at = now() FROM devices d WHERE d.id = i.device_id AND i.tenant_id = $1 AND i.device_id = $2 RETURNING 1`,
    [tenant, device],
  );
  return rows.length > 0;
}
