import type { Session } from "./postgres.ts";

export interface DeploymentLog {
  readonly deployment: string;
  readonly device: string;
  /** JSON of the messages, compressed with gzip. */
  readonly messages: Buffer;
  readonly truncated: boolean;
}

/** Keeps the log of a device in a deployment: the newest one. @returns whether the device has part in the deployment */
export async function keepDeploymentLog(
  session: Session,
  tenant: string,
  { deployment, device, messages, truncated }: DeploymentLog,
): Promise<boolean> {
  const rows = await session.raw(
    `UPDATE device_deployments SET has_log = true
      WHERE tenant_id = $1 AND deployment_id = $2 AND device_id = $3 RETURNING device_id`,
    [tenant, deployment, device],
  );
  if (rows.length === 0) return false;
  await session.raw(
    `INSERT INTO deployment_logs (tenant_id, deployment_id, device_id, messages, truncated) VALUES ($1, $2, $3, $4, $5)
      ON CONFLICT (tenant_id, deployment_id, device_id)
      DO UPDATE SET messages = excluded.messages, truncated = excluded.truncated, created_at = now()`,
    [tenant, deployment, device, messages, truncated],
  );
  return true;
}
