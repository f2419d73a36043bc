import type { Selectable } from "kysely";
import { type Stretch, stretchOf, type Walk } from "../../domain/cursors/cursors.ts";
import { statusOfUnasked } from "../../domain/deployments/statistics.ts";
import type { DecisionFacts } from "../../domain/deployments/why.ts";
import { parseTerms } from "../../domain/filters/terms.ts";
import { complete, type Deployment } from "./deployments.ts";
import { compilePredicate, startParameters } from "./filter-sql.ts";
import { type Session, sql } from "./postgres.ts";
import { deviceInSight, isInSight, rowOfDeviceInSight } from "./sight.ts";
import type { Tables } from "./tables.ts";
import { isUpdatedIn } from "./updated-devices.ts";

type Row = Selectable<Tables["device_deployments"]>;

/** A device in a deployment. Without `row`, the device has not asked yet. */
export interface DeploymentDevice {
  readonly device: string;
  readonly status: string;
  readonly row: Row | undefined;
}

interface Window {
  readonly offset: number;
  readonly limit: number;
}

/**
 * Devices of a deployment: those that have asked, in the order in which they did, then the others.
 *
 * @param statuses only devices with one of them; `undefined`: all
 */
export async function listDeploymentDevices(
  session: Session,
  tenant: string,
  deployment: Deployment,
  statuses: readonly string[] | undefined,
  { offset, limit }: Window,
): Promise<{ readonly devices: DeploymentDevice[]; readonly total: number }> {
  const { groups } = session.sight;
  const matching = sql
    .selectFrom("device_deployments")
    .where("tenant_id", "=", tenant)
    .where("deployment_id", "=", deployment.id)
    .$if(groups !== undefined, (query) => query.where(rowOfDeviceInSight(tenant, "device_id", groups ?? [])))
    .$if(statuses !== undefined, (query) => query.where("status", "in", [...(statuses ?? [])]));
  const rows = await session.rows(
    matching.selectAll().orderBy("created_at").orderBy("device_id").offset(offset).limit(limit),
  );
  const devices: DeploymentDevice[] = rows.map((row) => ({ device: row.device_id, status: row.status, row }));
  const unasked = statusOfUnasked(deployment.state);
  if (unasked !== undefined && (statuses?.includes(unasked) ?? true) && rows.length < limit) {
    const asked = await session.first(matching.select(({ fn }) => fn.countAll<number>().as("n")));
    const rest = { offset: Math.max(0, offset - (asked?.n ?? 0)), limit: limit - rows.length };
    const ids = await listUnasked(session, tenant, deployment, rest);
    devices.push(...ids.map((device) => ({ device, status: unasked, row: undefined })));
  }
  if (groups !== undefined) {
    const counts = await countInSight(session, tenant, deployment);
    const wanted = [...counts].filter(([status]) => statuses?.includes(status) ?? true);
    return { devices, total: wanted.reduce((sum, [, n]) => sum + n, 0) };
  }
  const numbers = Object.entries(deployment.statistics);
  const total = numbers.reduce((sum, [status, n]) => ((statuses?.includes(status) ?? true) ? sum + n : sum), 0);
  return { devices, total };
}

/** How to find the devices that a deployment is for. $1: tenant, $2: deployment, $3: its creation, $4: its group. */
const MEMBERS = {
  all: `SELECT d.id AS device_id FROM devices d
    WHERE d.tenant_id = $1 AND d.status = 'accepted' AND d.accepted_at <= $3 AND $4::text IS NULL`,
  group: `SELECT d.id AS device_id FROM inventory i JOIN devices d ON d.tenant_id = i.tenant_id AND d.id = i.device_id
    WHERE i.tenant_id = $1 AND i.group_name = $4 AND i.group_since <= $3
      AND d.tenant_id = $1 AND d.status = 'accepted' AND d.accepted_at <= $3`,
  list: `SELECT t.device_id FROM deployment_targets t
    WHERE t.tenant_id = $1 AND t.deployment_id = $2 AND $3::timestamptz IS NOT NULL AND $4::text IS NULL`,
  updated: `SELECT d.id AS device_id FROM devices d
    WHERE d.tenant_id = $1 AND d.status = 'accepted' AND d.accepted_at <= $3 AND ${isUpdatedIn("$4::uuid", "d.id")}`,
} as const;

/**
 * A statement with the devices that a deployment is for. $2 is not in each of them.
 *
 * @param own the values of the statement that asks for the members, from $5 on
 */
export function membersOf(
  tenant: string,
  { id, target, created_at: createdAt }: Deployment,
  own: readonly unknown[],
): { readonly text: string; readonly values: readonly unknown[] } {
  const which = target.kind === "group" ? target.group : target.kind === "updated" ? target.deployment : null;
  const parameters = startParameters([tenant, id, createdAt, which, ...own]);
  if (target.kind !== "filter") return { text: MEMBERS[target.kind], values: parameters.values };
  const matches = compilePredicate(parseTerms(target.filter.terms), parameters);
  const text = `SELECT d.id AS device_id FROM inventory i JOIN devices d ON d.id = i.device_id
      LEFT JOIN device_state c ON c.device_id = i.device_id
    WHERE i.tenant_id = $1 AND d.status = 'accepted' AND ${matches} AND $3::timestamptz IS NOT NULL AND $4::text IS NULL`;
  return { text, values: parameters.values };
}

async function listUnasked(
  session: Session,
  tenant: string,
  deployment: Deployment,
  { offset, limit }: Window,
): Promise<string[]> {
  const { text, values } = membersOf(tenant, deployment, [offset, limit, session.sight.groups ?? null]);
  const rows = await session.raw<{ device_id: string }>(
    `SELECT device_id FROM (${text}) AS m WHERE $2::uuid IS NOT NULL AND NOT EXISTS (
        SELECT FROM device_deployments r WHERE r.tenant_id = $1 AND r.deployment_id = $2 AND r.device_id = m.device_id)
      AND ${deviceInSight("m.device_id", "$7")} ORDER BY device_id OFFSET $5 LIMIT $6`,
    values,
  );
  return rows.map(({ device_id: device }) => device);
}

/**
 * Devices of a deployment after a position, by their ids: a device that asks for the first time keeps its place. One
 * statement finds both those that have asked and the others, so that none changes sides in between.
 */
export async function walkDeploymentDevices(
  session: Session,
  tenant: string,
  deployment: Deployment,
  statuses: readonly string[] | undefined,
  { after, limit }: Walk,
): Promise<Stretch<DeploymentDevice>> {
  const unasked = statusOfUnasked(deployment.state);
  const hasUnasked = unasked !== undefined && (statuses?.includes(unasked) ?? true);
  const { text, values } = membersOf(tenant, deployment, [
    ...[hasUnasked, statuses ?? null, after?.[0] ?? null, limit + 1, session.sight.groups ?? null],
  ]);
  const found = await session.raw<Partial<Row> & { readonly walked: string } & Record<string, unknown>>(
    `SELECT walked, r.* FROM (
        (SELECT true AS asked, device_id AS walked FROM device_deployments
          WHERE tenant_id = $1 AND deployment_id = $2 AND ($6::text[] IS NULL OR status = ANY ($6))
            AND ($7::uuid IS NULL OR device_id > $7) AND ${deviceInSight("device_deployments.device_id", "$9")}
          ORDER BY device_id LIMIT $8)
        UNION ALL (SELECT false, m.device_id FROM (${text}) AS m
          WHERE $5::boolean AND ${deviceInSight("m.device_id", "$9")} AND ($7::uuid IS NULL OR m.device_id > $7) AND NOT EXISTS (
            SELECT FROM device_deployments r
            WHERE r.tenant_id = $1 AND r.deployment_id = $2 AND r.device_id = m.device_id)
          ORDER BY m.device_id LIMIT $8)
        ORDER BY walked LIMIT $8) AS found
      LEFT JOIN device_deployments r
        ON found.asked AND r.tenant_id = $1 AND r.deployment_id = $2 AND r.device_id = found.walked
      ORDER BY walked`,
    values,
  );
  const devices = found.map(({ walked: device, ...row }) =>
    hasAsked(row) ? { device, status: row.status, row } : { device, status: unasked ?? "", row: undefined },
  );
  return stretchOf(devices, limit, ({ device }) => [device]);
}

/** A device that has not asked has no row: all columns are NULL. */
const hasAsked = (row: Partial<Row>): row is Row => typeof row.status === "string";

/** How many devices in sight have each status in a deployment. */
async function countInSight(
  session: Session,
  tenant: string,
  deployment: Deployment,
): Promise<ReadonlyMap<string, number>> {
  const { text, values } = membersOf(tenant, deployment, [
    ...[session.sight.groups ?? null, statusOfUnasked(deployment.state) ?? null],
  ]);
  const rows = await session.raw<{ status: string; n: number }>(
    `SELECT status, count(*) AS n FROM (
        SELECT coalesce(r.status, $6) AS status, coalesce(r.device_id, m.device_id) AS device_id
        FROM (${text}) AS m FULL JOIN (SELECT device_id, status FROM device_deployments
          WHERE tenant_id = $1 AND deployment_id = $2) AS r ON r.device_id = m.device_id) AS x
      WHERE status IS NOT NULL AND ${deviceInSight("x.device_id", "$5")} GROUP BY status`,
    values,
  );
  return new Map(rows.map(({ status, n }) => [status, n]));
}

/** A device of a deployment, and what explains its status. `undefined`: there is no such device in sight. */
export async function findDeploymentDevice(
  session: Session,
  tenant: string,
  deployment: Deployment,
  device: string,
): Promise<{ readonly device: DeploymentDevice | undefined; readonly facts: DecisionFacts } | undefined> {
  if (!(await isInSight(session, tenant, device))) return undefined;
  const row = await session.first(
    sql
      .selectFrom("device_deployments")
      .selectAll()
      .where("tenant_id", "=", tenant)
      .where("deployment_id", "=", deployment.id)
      .where("device_id", "=", device),
  );
  const known = await session.first(
    sql
      .selectFrom("devices")
      .leftJoin("device_state", (join) =>
        join
          .onRef("device_state.tenant_id", "=", "devices.tenant_id")
          .onRef("device_state.device_id", "=", "devices.id"),
      )
      .select(["check_in_at", "answer", "answer_deployment", "finished_seq"])
      .where("devices.tenant_id", "=", tenant)
      .where("devices.id", "=", device),
  );
  if (row === undefined && known === undefined) return undefined;
  const { text, values } = membersOf(tenant, deployment, [device]);
  const member = await session.raw(`SELECT FROM (${text}) AS m WHERE $2::uuid IS NOT NULL AND device_id = $5`, values);
  const isTarget = row !== undefined || member.length > 0;
  const status = row?.status ?? (isTarget ? statusOfUnasked(deployment.state) : undefined);
  return {
    device: status === undefined ? undefined : { device, status, row },
    facts: {
      deployment: { ...deployment, createdAt: deployment.created_at.getTime() },
      isTarget,
      row: row && { reason: row.reason ?? undefined },
      lastPollAt: known?.check_in_at?.getTime(),
      answer:
        known?.answer == null ? undefined : { code: known.answer, deployment: known.answer_deployment ?? undefined },
      finishedSeq: known?.finished_seq ?? 0,
    },
  };
}

/** The deployments that a device has to do with, the newest first, and how many there are. */
export async function listHistory(
  session: Session,
  tenant: string,
  device: string,
  statuses: readonly string[] | undefined,
  { offset, limit }: Window,
): Promise<{ readonly history: { readonly deployment: Deployment; readonly row: Row }[]; readonly total: number }> {
  if (!(await isInSight(session, tenant, device))) return { history: [], total: 0 };
  const matching = sql
    .selectFrom("device_deployments")
    .where("tenant_id", "=", tenant)
    .where("device_id", "=", device)
    .where("deleted_at", "is", null)
    .$if(statuses !== undefined, (query) => query.where("status", "in", [...(statuses ?? [])]));
  const sorted = matching.selectAll().orderBy("created_at", "desc").orderBy("deployment_id");
  const rows = await session.rows(sorted.offset(offset).limit(limit));
  const count = await session.first(matching.select(({ fn }) => fn.countAll<number>().as("n")));
  const ids = rows.map(({ deployment_id: id }) => id);
  const found = await session.raw<Selectable<Tables["deployments"]> & Record<string, unknown>>(
    "SELECT * FROM deployments WHERE tenant_id = $1 AND id = ANY ($2::uuid[])",
    [tenant, ids],
  );
  const deployments = new Map((await complete(session, tenant, found)).map((one) => [one.id, one]));
  const history = rows.flatMap((row) => {
    const deployment = deployments.get(row.deployment_id);
    return deployment === undefined ? [] : [{ deployment, row }];
  });
  return { history, total: count?.n ?? 0 };
}
