import { type Stretch, stretchOf, type Walk } from "../../domain/cursors/cursors.ts";
import { readCounts } from "./device-counts.ts";
import type { Session } from "./postgres.ts";
import { deviceInSight } from "./sight.ts";
import type { AuthSetStatus, DeviceStatus } from "./tables.ts";

/** A device with its keys, as the device authentication knows it. */
export interface DeviceRow {
  readonly id: string;
  readonly identity: Record<string, unknown>;
  readonly status: DeviceStatus;
  readonly created_at: Date;
  readonly updated_at: Date;
  readonly check_in_at: Date | null;
  readonly auth_sets: readonly {
    readonly id: string;
    readonly pubkey: string;
    readonly status: AuthSetStatus;
    readonly ts: string;
  }[];
}

const SELECT = `
  SELECT d.id, d.identity, d.status, d.created_at, d.updated_at, c.check_in_at,
    coalesce((SELECT jsonb_agg(jsonb_build_object('id', s.id, 'pubkey', s.pubkey, 'status', s.status, 'ts', s.created_at)
        ORDER BY s.created_at DESC, s.id)
      FROM auth_sets s WHERE s.tenant_id = d.tenant_id AND s.device_id = d.id), '[]') AS auth_sets
  FROM devices d LEFT JOIN device_state c ON c.tenant_id = d.tenant_id AND c.device_id = d.id`;

export interface DeviceFilter {
  readonly status?: readonly DeviceStatus[] | undefined;
  readonly id?: readonly string[] | undefined;
}

/**
 * How many devices in sight have each status: `status:accepted` and so on. From the counters if that is all of them, so
 * that no page counts rows.
 */
export async function countByStatus(session: Session, tenant: string): Promise<ReadonlyMap<string, number>> {
  const { groups } = session.sight;
  if (groups === undefined) return readCounts(session, tenant, "status:");
  const rows = await session.raw<{ status: string; n: number }>(
    `SELECT d.status, count(*) AS n FROM inventory i JOIN devices d ON d.tenant_id = i.tenant_id AND d.id = i.device_id
      WHERE i.tenant_id = $1 AND i.group_name = ANY ($2::text[]) GROUP BY d.status ORDER BY d.status`,
    [tenant, groups],
  );
  return new Map(rows.map(({ status, n }) => [`status:${status}`, n]));
}

/** The condition on the status. Of one status, the index has the devices by their age; a list of one is not the same to it. */
const hasStatus = (status: DeviceFilter["status"]): string =>
  status?.length === 1 ? "d.status = ($2::text[])[1]" : "($2::text[] IS NULL OR d.status = ANY ($2))";

/** Devices in sight by their age, oldest first. */
export function listDevices(
  session: Session,
  tenant: string,
  { status, id }: DeviceFilter,
  { offset, limit }: { readonly offset: number; readonly limit: number },
): Promise<DeviceRow[]> {
  return session.raw<DeviceRow & Record<string, unknown>>(
    `${SELECT} WHERE d.tenant_id = $1
      AND ${hasStatus(status)} AND ($3::uuid[] IS NULL OR d.id = ANY ($3))
      AND ${deviceInSight("d.id", "$6")} ORDER BY d.created_at, d.id OFFSET $4 LIMIT $5`,
    [tenant, status ?? null, id ?? null, offset, limit, session.sight.groups ?? null],
  );
}

/** Devices after a position, in the order of `listDevices`. */
export async function walkDevices(
  session: Session,
  tenant: string,
  { status, id }: DeviceFilter,
  { after, limit }: Walk,
): Promise<Stretch<DeviceRow>> {
  // Text keeps the microseconds, which a Date does not have.
  const rows = await session.raw<DeviceRow & { readonly at: string } & Record<string, unknown>>(
    `SELECT page.*, created_at::text AS at FROM (${SELECT} WHERE d.tenant_id = $1
      AND ${hasStatus(status)} AND ($3::uuid[] IS NULL OR d.id = ANY ($3))
      AND ${deviceInSight("d.id", "$7")} AND ($4::timestamptz IS NULL OR (d.created_at, d.id) > ($4, $5::uuid))
      ORDER BY d.created_at, d.id LIMIT $6) AS page ORDER BY created_at, id`,
    [
      tenant,
      status ?? null,
      id ?? null,
      after?.[0] ?? null,
      after?.[1] ?? null,
      limit + 1,
      session.sight.groups ?? null,
    ],
  );
  return stretchOf(rows, limit, ({ at, id: last }) => [at, last]);
}

export async function findDevice(session: Session, tenant: string, device: string): Promise<DeviceRow | undefined> {
  const [row] = await listDevices(session, tenant, { id: [device] }, { offset: 0, limit: 1 });
  return row;
}

export async function findByIdentity(
  session: Session,
  tenant: string,
  identityHash: Buffer,
): Promise<DeviceRow | undefined> {
  const [row] = await session.raw<DeviceRow & Record<string, unknown>>(
    `${SELECT} WHERE d.tenant_id = $1 AND d.identity_hash = $2`,
    [tenant, identityHash],
  );
  return row;
}

/** Ends the tokens of a key that were issued so far. @returns whether there is such a key */
export async function revokeTokens(session: Session, tenant: string, authSet: string): Promise<string | undefined> {
  const [row] = await session.raw<{ device_id: string }>(
    `UPDATE auth_sets SET tokens_valid_from = clock_timestamp() WHERE tenant_id = $1 AND id = $2
      RETURNING device_id`,
    [tenant, authSet],
  );
  return row?.device_id;
}
