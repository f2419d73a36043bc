import type { Selectable } from "kysely";
import { statisticsOf } from "../../domain/deployments/statistics.ts";
import { ServerError } from "../../errors/server-error.ts";
import { contains } from "./artifacts.ts";
import { type Session, sql } from "./postgres.ts";
import { deploymentInSight, isInSight, rowOfDeploymentInSight } from "./sight.ts";
import type { DeploymentState, Tables } from "./tables.ts";

export interface Deployment extends Selectable<Tables["deployments"]> {
  readonly statistics: Record<string, number>;
  /** Ids of the artifacts of its release. */
  readonly artifacts: readonly string[];
}

export interface DeploymentFilter {
  readonly states: readonly DeploymentState[];
  readonly type: "software" | "configuration" | undefined;
  /** A part of its name, or of the release's. */
  readonly search: string | undefined;
  readonly names: readonly string[];
  readonly ids: readonly string[];
  readonly createdAfter: Date | undefined;
  readonly createdBefore: Date | undefined;
  readonly direction: "asc" | "desc";
}

/** A page of the deployments that match, and how many match. */
export async function listDeployments(
  session: Session,
  tenant: string,
  filter: DeploymentFilter,
  window: { readonly offset: number; readonly limit: number },
): Promise<{ readonly deployments: Deployment[]; readonly total: number }> {
  const { states, type, search, names, ids, createdAfter, createdBefore, direction } = filter;
  const matching = sql
    .selectFrom("deployments")
    .where("tenant_id", "=", tenant)
    .$if(session.sight.groups !== undefined, (query) => query.where(deploymentInSight(session.sight.groups ?? [])))
    .$if(states.length > 0, (query) => query.where("state", "in", [...states]))
    .$if(type !== undefined, (query) => query.where("kind", "=", type ?? "software"))
    .$if(search !== undefined, (query) =>
      query.where(({ or }) => or([contains("name", search ?? ""), contains("artifact_name", search ?? "")])),
    )
    .$if(names.length > 0, (query) => query.where("name", "in", [...names]))
    .$if(ids.length > 0, (query) => query.where("id", "in", [...ids]))
    .$if(createdAfter !== undefined, (query) => query.where("created_at", ">=", createdAfter ?? new Date(0)))
    .$if(createdBefore !== undefined, (query) => query.where("created_at", "<=", createdBefore ?? new Date(0)));
  const sorted = matching.selectAll().orderBy("seq", direction).offset(window.offset).limit(window.limit);
  const rows = await session.rows(sorted);
  const count = await session.first(matching.select(({ fn }) => fn.countAll<number>().as("n")));
  return { deployments: await complete(session, tenant, rows), total: count?.n ?? 0 };
}

/** @throws {ServerError} NOT_FOUND if there is none in sight */
export async function findDeployment(session: Session, tenant: string, id: string): Promise<Deployment> {
  const row = await session.first(
    sql
      .selectFrom("deployments")
      .selectAll()
      .where("tenant_id", "=", tenant)
      .where("id", "=", id)
      .$if(session.sight.groups !== undefined, (query) => query.where(deploymentInSight(session.sight.groups ?? []))),
  );
  const [deployment] = row === undefined ? [] : await complete(session, tenant, [row]);
  if (deployment === undefined) throw new ServerError("NOT_FOUND", { deployment: id });
  return deployment;
}

/** More deployments that run are not explained at once. */
const RUNNING_MAX = 50;

/** The deployments in sight that run, in the order in which devices take them. */
export async function listRunning(session: Session, tenant: string): Promise<Deployment[]> {
  const rows = await session.raw<Selectable<Tables["deployments"]> & Record<string, unknown>>(
    `SELECT d.* FROM deployments d
      LEFT JOIN rollouts r ON r.tenant_id = d.tenant_id AND r.deployment_id = d.id
      WHERE d.tenant_id = $1 AND d.state IN ('pending', 'inprogress') AND d.kind = 'software'
        AND ${rowOfDeploymentInSight("d", "$2")}
      ORDER BY coalesce((r.plan->>'priority')::int, 0) DESC, d.seq LIMIT ${RUNNING_MAX}`,
    [tenant, session.sight.groups ?? null],
  );
  return complete(session, tenant, rows);
}

/** Adds to rows of deployments what other tables have of them. */
export async function complete(
  session: Session,
  tenant: string,
  rows: readonly Selectable<Tables["deployments"]>[],
): Promise<Deployment[]> {
  const counts = await session.raw<{ deployment_id: string; status: string; n: number }>(
    `SELECT deployment_id, status, sum(n)::bigint AS n FROM deployment_counts
      WHERE tenant_id = $1 AND deployment_id = ANY ($2::uuid[]) GROUP BY deployment_id, status`,
    [tenant, rows.map(({ id }) => id)],
  );
  const artifacts = await session.raw<{ id: string; name: string }>(
    "SELECT id, name FROM artifacts WHERE tenant_id = $1 AND name = ANY ($2::text[]) ORDER BY created_at, id",
    [tenant, rows.map(({ artifact_name: name }) => name)],
  );
  return rows.map((row) => {
    const own = counts.filter(({ deployment_id: id }) => id === row.id).map(({ status, n }) => [status, n] as const);
    return {
      ...row,
      statistics: statisticsOf(new Map(own), row.device_count),
      artifacts: artifacts.filter(({ name }) => name === row.artifact_name).map(({ id }) => id),
    };
  });
}

export interface SeriesPoint {
  readonly time: Date;
  readonly changes: Record<string, number>;
}

/** How the counts of a deployment changed, in steps of whole minutes. */
export async function deploymentSeries(
  session: Session,
  tenant: string,
  id: string,
  { from, to, stepS }: { readonly from: Date; readonly to: Date; readonly stepS: number },
): Promise<SeriesPoint[]> {
  const rows = await session.raw<{ time: Date; changes: Record<string, number> }>(
    `SELECT time, jsonb_object_agg(status, n) AS changes FROM (
        SELECT date_bin(make_interval(secs => $5), minute, '2000-01-01Z') AS time, status, sum(change) AS n
        FROM deployment_series
        WHERE tenant_id = $1 AND deployment_id = $2 AND minute >= $3 AND minute <= $4 GROUP BY 1, 2
      ) AS x GROUP BY time ORDER BY time`,
    [tenant, id, from, to, stepS],
  );
  return rows;
}

/** How many devices of a deployment had which status before a moment. */
export async function countsBefore(
  session: Session,
  tenant: string,
  id: string,
  moment: Date,
): Promise<ReadonlyMap<string, number>> {
  const rows = await session.raw<{ status: string; n: number }>(
    `SELECT status, sum(change)::bigint AS n FROM deployment_series
      WHERE tenant_id = $1 AND deployment_id = $2 AND minute < $3 GROUP BY status`,
    [tenant, id, moment],
  );
  return new Map(rows.map(({ status, n }) => [status, n]));
}

/** The log of a device, as it was stored. @throws {ServerError} NOT_FOUND if there is no such deployment in sight */
export async function findDeploymentLog(
  session: Session,
  tenant: string,
  deployment: string,
  device: string,
): Promise<Buffer | undefined> {
  await findDeployment(session, tenant, deployment);
  if (!(await isInSight(session, tenant, device))) return undefined;
  const row = await session.first(
    sql
      .selectFrom("deployment_logs")
      .select("messages")
      .where("tenant_id", "=", tenant)
      .where("deployment_id", "=", deployment)
      .where("device_id", "=", device),
  );
  return row?.messages;
}

/** @throws {ServerError} NOT_FOUND if the device neither exists nor has a history */
export async function requireDevice(session: Session, tenant: string, device: string): Promise<void> {
  const found = await session.raw(
    `SELECT FROM devices WHERE tenant_id = $1 AND id = $2
      UNION ALL SELECT FROM device_deployments WHERE tenant_id = $1 AND device_id = $2 LIMIT 1`,
    [tenant, device],
  );
  if (found.length === 0 || !(await isInSight(session, tenant, device))) throw new ServerError("NOT_FOUND", { device });
}

/** Hides the ended deployments of a device from its history. */
export async function clearHistory(session: Session, tenant: string, device: string): Promise<void> {
  await session.run(
    sql
      .updateTable("device_deployments")
      .set({ deleted_at: new Date() })
      .where("tenant_id", "=", tenant)
      .where("device_id", "=", device)
      .where("finished_at", "is not", null)
      .where("deleted_at", "is", null),
  );
}
