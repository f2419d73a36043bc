import { type Cause, NO_LOG } from "../../domain/failures/cause.ts";
import { countCause, keepCause } from "./failure-causes.ts";
import type { Session } from "./postgres.ts";

export interface DeploymentLog {
  readonly deployment: string;
  readonly device: string;
  /** JSON of the messages, compressed with gzip. */
  readonly messages: Buffer;
  readonly truncated: boolean;
  /** The cause of a failure that the log tells. `undefined`: it has no message. */
  readonly cause: Cause | undefined;
}

/**
 * Keeps the log of a device in a deployment: the newest one. If the device has failed, it is counted by what the log
 * says, in place of what was known before.
 *
 * @returns whether the device has part in the deployment
 */
export async function keepDeploymentLog(
  session: Session,
  tenant: string,
  { deployment, device, messages, truncated, cause = NO_LOG }: DeploymentLog,
): Promise<boolean> {
  // While a rollout is looked at, its counters stay as they are.
  await session.raw("SELECT pg_advisory_xact_lock_shared(hashtextextended($1, 3))", [deployment]);
  const [row] = await session.raw<{ status: string; wave: number; cause: string | null }>(
    `SELECT status, wave, cause FROM device_deployments
      WHERE tenant_id = $1 AND deployment_id = $2 AND device_id = $3 FOR UPDATE`,
    [tenant, deployment, device],
  );
  if (row === undefined) return false;
  const after = await keepCause(session, tenant, deployment, device, cause);
  await session.raw(
    `UPDATE device_deployments SET has_log = true, cause = $4
      WHERE tenant_id = $1 AND deployment_id = $2 AND device_id = $3`,
    [tenant, deployment, device, after],
  );
  await session.raw(
    `INSERT INTO deployment_logs (tenant_id, deployment_id, device_id, messages, truncated) VALUES ($1, $2, $3, $4, $5)
      ON CONFLICT (tenant_id, deployment_id, device_id)
      DO UPDATE SET messages = excluded.messages, truncated = excluded.truncated, created_at = now()`,
    [tenant, deployment, device, messages, truncated],
  );
  if (row.status === "failure")
    await countCause(session, tenant, { deployment, device, wave: row.wave, before: row.cause ?? undefined, after });
  return true;
}
