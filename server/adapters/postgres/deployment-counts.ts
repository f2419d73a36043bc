import type { Session } from "./postgres.ts";

/** The counter's row of a device, in SQL: devices that report at once rarely wait for each other. */
export const SHARD_SQL = "(get_byte(uuid_send(device_id), 0) & 7)::smallint";

/**
 * The end of a statement whose `changes` say how the counters of deployments of the tenant $1 change. They are changed
 * in the order of deployments, statuses, waves and shards, so that two transactions never wait for each other.
 */
export const ADD_CHANGES = `counted AS (
    INSERT INTO deployment_counts (tenant_id, deployment_id, status, wave, shard, n)
    SELECT $1, deployment_id, status, wave, shard, change FROM changes ORDER BY deployment_id, status, wave, shard
    ON CONFLICT (tenant_id, deployment_id, status, wave, shard) DO UPDATE SET n = deployment_counts.n + excluded.n
    RETURNING 1
  )
  INSERT INTO deployment_series (tenant_id, deployment_id, minute, status, shard, change)
  SELECT $1, deployment_id, date_trunc('minute', now()), status, shard, sum(change)
  FROM changes, (SELECT count(*) FROM counted) AS first GROUP BY deployment_id, status, shard
  ORDER BY deployment_id, status, shard
  ON CONFLICT (tenant_id, deployment_id, minute, status, shard)
  DO UPDATE SET change = deployment_series.change + excluded.change`;

/** Counts a device that changes from one status to another. `undefined`: it has not asked before. */
export async function countDeployment(
  session: Session,
  tenant: string,
  deployment: string,
  device: string,
  wave: number,
  before: string | undefined,
  after: string,
): Promise<void> {
  await session.raw(
    `WITH changes AS (
      SELECT $2::uuid AS deployment_id, status, $6::smallint AS wave, ${SHARD_SQL} AS shard, change
      FROM (VALUES ($4::text, -1), ($5::text, 1)) AS x (status, change), (SELECT $3::uuid AS device_id) AS device
      WHERE status IS NOT NULL
    ), ${ADD_CHANGES}`,
    [tenant, deployment, device, before ?? null, after, wave],
  );
}
