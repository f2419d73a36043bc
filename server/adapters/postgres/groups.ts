import { type Stretch, stretchOf, type Walk } from "../../domain/cursors/cursors.ts";
import { countMany } from "./device-counts.ts";
import { lockMembership } from "./device-status.ts";
import { leaveDeployments } from "./leave-deployments.ts";
import type { Session } from "./postgres.ts";
import type { DeviceStatus } from "./tables.ts";

interface Member {
  readonly id: string;
  readonly status: DeviceStatus;
  readonly group_name: string | null;
}

/** How many devices of a list there are, and how many of them changed. */
export interface GroupChange {
  readonly matched: number;
  readonly updated: number;
}

/**
 * Puts devices into a group, or takes them out of `from` into none. Devices that are where they belong, or not in
 * `from`, stay as they are. A running deployment to the group that a device leaves ends for this device.
 */
export async function moveToGroup(
  session: Session,
  tenant: string,
  devices: readonly string[],
  to: string | null,
  from?: string,
): Promise<GroupChange> {
  await lockMembership(session, tenant);
  await session.raw(
    "SELECT FROM devices WHERE tenant_id = $1 AND id = ANY ($2::uuid[]) ORDER BY id FOR NO KEY UPDATE",
    [tenant, devices],
  );
  const found = await session.raw<Member & Record<string, unknown>>(
    `SELECT d.id, d.status, i.group_name FROM inventory i JOIN devices d ON d.id = i.device_id
      WHERE i.tenant_id = $1 AND i.device_id = ANY ($2::uuid[]) ORDER BY d.id`,
    [tenant, devices],
  );
  const moving = found.filter(({ group_name }) => group_name !== to && (from === undefined || group_name === from));
  const matched = found.filter(({ group_name }) => from === undefined || group_name === from).length;
  await endDeployments(session, tenant, moving);
  await session.raw(
    `UPDATE inventory SET group_name = $3, updated_at = now(),
      group_since = CASE WHEN $3::text IS NULL THEN NULL ELSE clock_timestamp() END
      WHERE tenant_id = $1 AND device_id = ANY ($2::uuid[])`,
    [tenant, moving.map(({ id }) => id), to],
  );
  await countMany(session, tenant, moving.filter(({ status }) => status === "accepted").flatMap(changesOf(to)));
  return { matched, updated: moving.length };
}

const changesOf =
  (to: string | null) =>
  ({ id, group_name }: Member) => [
    ...(group_name === null ? [] : [{ device: id, what: `group:${group_name}`, change: -1 }]),
    ...(to === null ? [] : [{ device: id, what: `group:${to}`, change: 1 }]),
  ];

async function endDeployments(session: Session, tenant: string, leaving: readonly Member[]): Promise<void> {
  if (leaving.every(({ group_name }) => group_name === null)) return;
  const running = await session.raw<{ name: string }>(
    `SELECT DISTINCT target ->> 'group' AS name FROM deployments
      WHERE tenant_id = $1 AND state IN ('pending', 'inprogress') AND target ->> 'kind' = 'group'`,
    [tenant],
  );
  const reached = new Set(running.map(({ name }) => name));
  for (const { id: device, group_name: group } of leaving)
    if (group !== null && reached.has(group))
      await leaveDeployments(session, tenant, { device, status: "aborted", reason: "LEFT_TARGET", group });
}

/** The group of a device. `undefined`: there is no such device in sight. */
export async function readGroup(session: Session, tenant: string, device: string): Promise<string | null | undefined> {
  const [row] = await session.raw<{ group_name: string | null }>(
    `SELECT i.group_name FROM inventory i JOIN devices d ON d.id = i.device_id
      WHERE i.tenant_id = $1 AND i.device_id = $2 AND ($3::text[] IS NULL OR i.group_name = ANY ($3))`,
    [tenant, device, session.sight.groups ?? null],
  );
  return row?.group_name;
}

/** The names of groups in sight that have devices, of a status if one is given. It takes a look into the index for each group. */
export async function listGroups(session: Session, tenant: string, status?: DeviceStatus): Promise<string[]> {
  const rows = await session.raw<{ name: string }>(
    `WITH RECURSIVE names AS (
        (SELECT i.group_name AS name FROM inventory i JOIN devices d ON d.id = i.device_id
          WHERE i.tenant_id = $1 AND i.group_name IS NOT NULL ORDER BY i.group_name LIMIT 1)
        UNION ALL
        SELECT (SELECT i.group_name FROM inventory i JOIN devices d ON d.id = i.device_id
          WHERE i.tenant_id = $1 AND i.group_name > names.name ORDER BY i.group_name LIMIT 1)
        FROM names WHERE names.name IS NOT NULL)
      SELECT name FROM names WHERE name IS NOT NULL AND ($2::text IS NULL OR EXISTS (
        SELECT FROM inventory i JOIN devices d ON d.id = i.device_id
        WHERE i.tenant_id = $1 AND i.group_name = names.name AND i.status = $2))`,
    [tenant, status ?? null],
  );
  return rows.map(({ name }) => name).filter((name) => session.sight.groups?.includes(name) !== false);
}

export async function listGroupDevices(
  session: Session,
  tenant: string,
  group: string,
  { offset, limit }: { readonly offset: number; readonly limit: number },
): Promise<string[]> {
  if (session.sight.groups?.includes(group) === false) return [];
  const rows = await session.raw<{ device_id: string }>(
    `SELECT i.device_id FROM inventory i JOIN devices d ON d.id = i.device_id
      WHERE i.tenant_id = $1 AND i.group_name = $2 ORDER BY i.device_id OFFSET $3 LIMIT $4`,
    [tenant, group, offset, limit],
  );
  return rows.map(({ device_id }) => device_id);
}

/** Devices of a group after a position, in the order of `listGroupDevices`. */
export async function walkGroupDevices(
  session: Session,
  tenant: string,
  group: string,
  { after, limit }: Walk,
): Promise<Stretch<string>> {
  if (session.sight.groups?.includes(group) === false) return { rows: [], next: undefined };
  const rows = await session.raw<{ device_id: string }>(
    `SELECT i.device_id FROM inventory i JOIN devices d ON d.id = i.device_id
      WHERE i.tenant_id = $1 AND i.group_name = $2 AND ($3::uuid IS NULL OR i.device_id > $3::uuid)
      ORDER BY i.device_id LIMIT $4`,
    [tenant, group, after?.[0] ?? null, limit + 1],
  );
  return stretchOf(
    rows.map(({ device_id }) => device_id),
    limit,
    (device) => [device],
  );
}
