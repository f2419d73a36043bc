import { ADD_CHANGES, SHARD_SQL } from "./deployment-counts.ts";
import { ADD_CAUSES } from "./failure-causes.ts";
import type { Session } from "./postgres.ts";
import type { StoredRollout } from "./rollouts.ts";

/** A device that has finished a newer deployment since does not go back. */
const CAN_TRY_AGAIN = `JOIN deployments d ON d.tenant_id = r.tenant_id AND d.id = r.deployment_id
      JOIN device_state s ON s.tenant_id = r.tenant_id AND s.device_id = r.device_id AND s.finished_seq <= d.seq
      WHERE r.tenant_id = $1 AND r.deployment_id = $2 AND r.status = 'failure' AND r.wave >= 0`;

/** By wave, how many of the devices of a rollout that failed would try again. */
export async function countRetriable(
  session: Session,
  tenant: string,
  { deployment, memory }: Pick<StoredRollout, "deployment" | "memory">,
): Promise<readonly number[]> {
  const rows = await session.raw<{ wave: number; n: number }>(
    `SELECT r.wave, count(*) AS n FROM device_deployments r ${CAN_TRY_AGAIN} GROUP BY r.wave`,
    [tenant, deployment],
  );
  const counts = new Map(rows.map(({ wave, n }) => [wave, n]));
  return memory.waves.map((_, wave) => counts.get(wave) ?? 0);
}

/**
 * Has the devices of a rollout that failed try again, each in the wave and the place that it has. A device that has
 * finished a newer deployment since does not go back to this one. The rollout must be locked.
 *
 * @returns how many try again
 */
export async function retryFailed(session: Session, tenant: string, deployment: string): Promise<number> {
  const rows = await session.raw<{ device_id: string; cause: string | null }>(
    `WITH failed AS (
      SELECT r.device_id, r.cause FROM device_deployments r
      ${CAN_TRY_AGAIN}
      ORDER BY r.device_id FOR UPDATE OF r
    )
    UPDATE device_deployments r SET status = 'pending', substate = NULL, reason = 'RETRY', artifact_id = NULL,
      cause = NULL, attempts = attempts + 1, started_at = NULL, changed_at = now(), finished_at = NULL
    FROM failed WHERE r.tenant_id = $1 AND r.deployment_id = $2 AND r.device_id = failed.device_id
    RETURNING r.device_id, failed.cause`,
    [tenant, deployment],
  );
  await session.raw(
    `WITH changes AS (
      SELECT deployment_id, x.status, wave, ${SHARD_SQL} AS shard, sum(x.change) AS change
      FROM device_deployments, (VALUES ('failure', -1), ('pending', 1)) AS x (status, change)
      WHERE tenant_id = $1 AND deployment_id = $2 AND device_id = ANY ($3::uuid[])
      GROUP BY 1, 2, 3, 4
    ), ${ADD_CHANGES}`,
    [tenant, deployment, rows.map(({ device_id: device }) => device)],
  );
  await session.raw(
    `WITH changes AS (
      SELECT deployment_id, x.cause, wave, ${SHARD_SQL} AS shard, -1 AS change
      FROM unnest($3::uuid[], $4::text[]) AS x (device, cause)
      JOIN device_deployments r ON r.tenant_id = $1 AND r.deployment_id = $2 AND r.device_id = x.device
      WHERE x.cause IS NOT NULL
    ) ${ADD_CAUSES}`,
    [tenant, deployment, rows.map(({ device_id: device }) => device), rows.map(({ cause }) => cause)],
  );
  return rows.length;
}
