import { writeEvent } from "./events.ts";
import type { Postgres, Session } from "./postgres.ts";

/** Starts a deployment with its first device, if it has not started. */
export async function startDeployment(session: Session, tenant: string, deployment: string): Promise<void> {
  const [started] = await session.raw<{ name: string; artifact_name: string }>(
    `UPDATE deployments SET state = 'inprogress', started_at = now()
      WHERE tenant_id = $1 AND id = $2 AND state = 'pending' RETURNING name, artifact_name`,
    [tenant, deployment],
  );
  if (started !== undefined)
    await writeEvent(session, tenant, { type: "deployment-started", data: { id: deployment, ...started } });
}

interface Failure {
  readonly deployment: string;
  readonly device: string;
  readonly substate: string | undefined;
  /** Whether the deployment has another attempt for the device. */
  readonly willRetry: boolean;
}

/** Writes that an attempt of a device has failed. */
export async function writeFailure(
  session: Session,
  tenant: string,
  { deployment, device, substate, willRetry }: Failure,
): Promise<void> {
  const [row] = await session.raw<{ name: string; artifact_name: string; group: string | null }>(
    `SELECT p.name, p.artifact_name, i.group_name AS group FROM deployments p
      LEFT JOIN inventory i ON i.tenant_id = p.tenant_id AND i.device_id = $3
      WHERE p.tenant_id = $1 AND p.id = $2`,
    [tenant, deployment, device],
  );
  const data = { id: deployment, device, ...row, will_retry: willRetry, ...(substate !== undefined && { substate }) };
  await writeEvent(session, tenant, { type: "deployment-device-failed", data });
}

/** How far the running deployments of a tenant are. */
export function readProgress(
  postgres: Postgres,
  tenant: string,
): Promise<{ readonly id: string; readonly counts: Readonly<Record<string, number>> }[]> {
  return postgres.prepared(tenant, PROGRESS, [tenant]);
}

const PROGRESS = {
  name: "read-progress",
  text: `SELECT id, jsonb_object_agg(status, n) AS counts FROM (
      SELECT d.id, c.status, sum(c.n)::bigint AS n FROM deployments d
      JOIN deployment_counts c ON c.tenant_id = d.tenant_id AND c.deployment_id = d.id
      WHERE d.tenant_id = $1 AND d.state IN ('pending', 'inprogress')
      GROUP BY d.id, c.status HAVING sum(c.n) <> 0) AS counts GROUP BY id`,
};
