import { FINAL_STATUSES } from "../../domain/selection/statuses.ts";
import { ADD_CHANGES, SHARD_SQL } from "./deployment-counts.ts";
import { writeEvent } from "./events.ts";
import type { Postgres, Session } from "./postgres.ts";
import type { WholeDeployment } from "./sight.ts";

/**
 * Ends a running deployment, for all devices that have no end in it. Devices that have not asked count as aborted.
 *
 * @param as `finished`: it has reached what it was to reach
 * @param reason why devices get no more of it, in the devices that have begun
 * @returns whether it was running
 */
export async function abortDeployment(
  session: Session,
  tenant: string,
  { id: deployment }: WholeDeployment,
  { as = "aborted", reason = "ABORTED" }: { readonly as?: "aborted" | "finished"; readonly reason?: string } = {},
): Promise<boolean> {
  await session.raw("SELECT pg_advisory_xact_lock(hashtextextended($1, 3))", [deployment]);
  const [ended] = await session.raw<{ name: string; artifact_name: string }>(
    `UPDATE deployments SET state = $3, finished_at = now()
      WHERE tenant_id = $1 AND id = $2 AND state IN ('pending', 'inprogress') RETURNING name, artifact_name`,
    [tenant, deployment, as],
  );
  if (ended === undefined) return false;
  await session.raw(
    `WITH open AS (
      SELECT device_id, status FROM device_deployments
      WHERE tenant_id = $1 AND deployment_id = $2 AND finished_at IS NULL ORDER BY device_id FOR UPDATE
    ), ended AS (
      UPDATE device_deployments r SET status = 'aborted', substate = NULL, reason = $3, finished_at = now()
      FROM open WHERE r.tenant_id = $1 AND r.deployment_id = $2 AND r.device_id = open.device_id
      RETURNING r.device_id, r.wave, open.status AS before
    ), changes AS (
      SELECT $2::uuid AS deployment_id, status, wave, shard, sum(change) AS change FROM (
        SELECT before AS status, wave, ${SHARD_SQL} AS shard, -1 AS change FROM ended
        UNION ALL SELECT 'aborted', wave, ${SHARD_SQL}, 1 FROM ended
      ) AS x GROUP BY status, wave, shard
    ), ${ADD_CHANGES}`,
    [tenant, deployment, reason],
  );
  await session.raw(
    `WITH changes AS (
      SELECT $2::uuid AS deployment_id, 'aborted' AS status, -1 AS wave, 0::smallint AS shard, greatest(0, device_count - (
        SELECT coalesce(sum(n), 0) FROM deployment_counts WHERE tenant_id = $1 AND deployment_id = $2
      )) AS change FROM deployments WHERE tenant_id = $1 AND id = $2
    ), ${ADD_CHANGES}`,
    [tenant, deployment],
  );
  const counts = await session.raw<{ status: string; n: number }>(
    `SELECT status, sum(n)::bigint AS n FROM deployment_counts
      WHERE tenant_id = $1 AND deployment_id = $2 GROUP BY status HAVING sum(n) <> 0`,
    [tenant, deployment],
  );
  const numbers = Object.fromEntries(counts.map(({ status, n }) => [status, n]));
  const data = { id: deployment, ...ended, ...(as === "finished" && { counts: numbers }) };
  await writeEvent(session, tenant, { type: `deployment-${as}`, data });
  return true;
}

/**
 * Finishes running deployments in which all devices have an end. Those to a filter wait for devices that match later. It must run after the commit of what ended the last
 * one: two devices that end at once do not see each other.
 *
 * @param deployment only this one
 */
export async function finishDeployments(postgres: Postgres, tenant: string, deployment?: string): Promise<void> {
  await postgres.prepared(tenant, FINISH, [tenant, FINAL_STATUSES, deployment ?? null]);
}

const FINISH = {
  name: "finish-deployments",
  text: `WITH finished AS (
      UPDATE deployments d SET state = 'finished', finished_at = now()
      WHERE tenant_id = $1 AND state IN ('pending', 'inprogress') AND ($3::uuid IS NULL OR id = $3)
        AND target->>'kind' <> 'filter'
        AND device_count <= (SELECT coalesce(sum(n), 0) FROM deployment_counts c
          WHERE c.tenant_id = d.tenant_id AND c.deployment_id = d.id AND c.status = ANY ($2::text[]))
      RETURNING id, name, artifact_name
    )
    INSERT INTO outbox (tenant_id, key, type, data)
    SELECT $1, gen_random_uuid(), 'deployment-finished',
      jsonb_build_object('id', id, 'name', name, 'artifact_name', artifact_name, 'counts', coalesce((
        SELECT jsonb_object_agg(status, n) FROM (
          SELECT status, sum(n)::bigint AS n FROM deployment_counts c
          WHERE c.tenant_id = $1 AND c.deployment_id = finished.id GROUP BY status HAVING sum(n) <> 0) AS c), '{}'))
    FROM finished`,
};
