import { writeEvent } from "./events.ts";
import type { Session } from "./postgres.ts";
import type { DeviceStatus } from "./tables.ts";

/** Writes that the status of a device has changed, and, if it is accepted now, that it is provisioned. */
export async function writeStatusChanged(
  session: Session,
  tenant: string,
  {
    device,
    before,
    status,
    group,
  }: {
    readonly device: string;
    readonly before: DeviceStatus;
    readonly status: DeviceStatus;
    readonly group: string | null;
  },
): Promise<void> {
  await writeEvent(session, tenant, { type: "device-status-changed", data: { id: device, status, before, group } });
  if (status !== "accepted") return;
  const [row] = await session.raw<{ created_ts: Date; auth_sets: unknown[] }>(PROVISIONED, [tenant, device]);
  await writeEvent(session, tenant, { type: "device-provisioned", data: { id: device, status, group, ...row } });
}

/** As Mender's webhooks describe a device and its keys. */
const PROVISIONED = `SELECT d.created_at AS created_ts,
    coalesce((SELECT jsonb_agg(jsonb_build_object('id', s.id, 'device_id', d.id, 'identity_data', d.identity,
        'pubkey', s.pubkey, 'status', s.status, 'ts', s.created_at) ORDER BY s.created_at DESC, s.id)
      FROM auth_sets s WHERE s.tenant_id = d.tenant_id AND s.device_id = d.id), '[]') AS auth_sets
  FROM devices d WHERE d.tenant_id = $1 AND d.id = $2`;

export const writeDecommissioned = (
  session: Session,
  tenant: string,
  device: string,
  group: string | null,
): Promise<void> => writeEvent(session, tenant, { type: "device-decommissioned", data: { id: device, group } });
