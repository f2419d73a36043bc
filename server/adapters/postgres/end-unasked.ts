import { ADD_CHANGES, SHARD_SQL } from "./deployment-counts.ts";
import type { Session } from "./postgres.ts";

export interface EndUnasked {
  readonly deployment: string;
  readonly status: string;
  readonly reason: string;
}

/**
 * Ends deployments for a device that has nothing to do with them yet, with all counters: two statements, however many
 * they are. A deployment that has ended meanwhile, or that the device has begun meanwhile, stays as it is.
 */
export async function endUnasked(
  session: Session,
  tenant: string,
  device: string,
  ends: readonly EndUnasked[],
): Promise<void> {
  const ids = ends.map(({ deployment }) => deployment);
  // An abort takes it alone: it must not miss a device that begins at the same time.
  await session.raw("SELECT pg_advisory_xact_lock_shared(hashtextextended(id, 3)) FROM unnest($1::text[]) AS id", [
    ids.toSorted(),
  ]);
  await session.raw(END, [tenant, device, ids, ends.map(({ status }) => status), ends.map(({ reason }) => reason)]);
}

const END = `WITH running AS (
    SELECT id, seq, state, x.status, x.reason
    FROM unnest($3::uuid[], $4::text[], $5::text[]) AS x (deployment, status, reason)
    JOIN deployments d ON d.tenant_id = $1 AND d.id = deployment AND d.state IN ('pending', 'inprogress')
  ), ended AS (
    INSERT INTO device_deployments (tenant_id, deployment_id, device_id, status, reason, finished_at)
    SELECT $1, id, $2, status, reason, now() FROM running ORDER BY id
    ON CONFLICT DO NOTHING
    RETURNING deployment_id, device_id, status
  ), finished AS (
    INSERT INTO device_state (tenant_id, device_id, finished_seq)
    SELECT $1, d.id, seq FROM devices d, (SELECT max(seq) AS seq FROM running JOIN ended ON deployment_id = id) AS newest
    WHERE d.tenant_id = $1 AND d.id = $2 AND seq IS NOT NULL
    ON CONFLICT (tenant_id, device_id)
    DO UPDATE SET finished_seq = greatest(device_state.finished_seq, excluded.finished_seq)
  ), waiting AS (
    SELECT id FROM deployments
    WHERE tenant_id = $1 AND id IN (SELECT id FROM running WHERE state = 'pending') AND state = 'pending'
    ORDER BY id FOR UPDATE
  ), begun AS (
    UPDATE deployments d SET state = 'inprogress', started_at = now()
    FROM waiting WHERE d.tenant_id = $1 AND d.id = waiting.id
    RETURNING d.id, d.name, d.artifact_name
  ), told AS (
    INSERT INTO outbox (tenant_id, key, type, data)
    SELECT $1, gen_random_uuid(), 'deployment-started',
      jsonb_build_object('id', id, 'name', name, 'artifact_name', artifact_name) FROM begun
  ), changes AS (
    SELECT deployment_id, status, -1 AS wave, ${SHARD_SQL} AS shard, 1 AS change FROM ended
  ), ${ADD_CHANGES}`;
