import { writeEvent } from "./events.ts";
import type { Session } from "./postgres.ts";

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
