import { type Cause, OTHER } from "../../domain/failures/cause.ts";
import { SHARD_SQL } from "./deployment-counts.ts";
import type { Session } from "./postgres.ts";

/** No more causes are kept of one deployment. A fleet that sends nonsense must not fill the disk. */
const CAUSES_MAX = 200;

/**
 * Keeps a cause of a deployment, with the first device that failed by it.
 *
 * @returns the id under which it is counted
 */
export async function keepCause(
  session: Session,
  tenant: string,
  deployment: string,
  device: string,
  { id, kind, signature, line }: Cause,
): Promise<string> {
  const known = (): Promise<unknown[]> =>
    session.raw("SELECT FROM failure_causes WHERE tenant_id = $1 AND deployment_id = $2 AND cause = $3", [
      ...[tenant, deployment, id],
    ]);
  if ((await known()).length > 0) return id;
  const added = await session.raw(
    `INSERT INTO failure_causes (tenant_id, deployment_id, cause, kind, signature, device_id, line)
      SELECT $1, $2, $3, $4, $5, $6, $7 WHERE $8::boolean OR ${CAUSES_MAX} > (
        SELECT count(*) FROM failure_causes WHERE tenant_id = $1 AND deployment_id = $2)
      ON CONFLICT DO NOTHING RETURNING cause`,
    [tenant, deployment, id, kind, signature, device, line, kind === "other" || kind === "no_log"],
  );
  // Another device may have added it meanwhile.
  if (added.length > 0 || (await known()).length > 0) return id;
  return keepCause(session, tenant, deployment, device, OTHER);
}

/** The end of a statement whose `changes` say how the counters of causes of the tenant $1 change, in a certain order. */
export const ADD_CAUSES = `INSERT INTO failure_counts (tenant_id, deployment_id, cause, wave, shard, n)
  SELECT $1, deployment_id, cause, wave, shard, sum(change) FROM changes GROUP BY deployment_id, cause, wave, shard
  ORDER BY deployment_id, cause, wave, shard
  ON CONFLICT (tenant_id, deployment_id, cause, wave, shard) DO UPDATE SET n = failure_counts.n + excluded.n`;

interface CauseChange {
  readonly deployment: string;
  readonly device: string;
  readonly wave: number;
  /** Ids of causes. `undefined`: none. */
  readonly before: string | undefined;
  readonly after: string | undefined;
}

/** Counts a device that has failed, or of whose failure another cause is known. To be called after all other counters. */
export async function countCause(
  session: Session,
  tenant: string,
  { deployment, device, wave, before, after }: CauseChange,
): Promise<void> {
  if (before === after) return;
  await session.raw(
    `WITH changes AS (
      SELECT $2::uuid AS deployment_id, cause, $6::smallint AS wave, ${SHARD_SQL} AS shard, change
      FROM (VALUES ($4::text, -1), ($5::text, 1)) AS x (cause, change), (SELECT $3::uuid AS device_id) AS device
      WHERE cause IS NOT NULL
    ) ${ADD_CAUSES}`,
    [tenant, deployment, device, before ?? null, after ?? null, wave],
  );
}
