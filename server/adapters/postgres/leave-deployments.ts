import { setDeviceDeployment } from "./device-deployments.ts";
import type { Session } from "./postgres.ts";
import { isUpdatedIn } from "./updated-devices.ts";

export interface Leaving {
  readonly device: string;
  readonly status: "decommissioned" | "aborted";
  readonly reason: "DECOMMISSIONED" | "LEFT_TARGET";
  /** Only the deployments to this group. */
  readonly group?: string;
}

/**
 * Ends the running deployments that reach a device, for this device: it is about to leave. Without an end, they would
 * wait for it for ever. To be called before it leaves.
 */
export async function leaveDeployments(
  session: Session,
  tenant: string,
  { device, status, reason, group }: Leaving,
): Promise<void> {
  const reaching = await session.raw<{ id: string }>(REACHING, [tenant, device, group ?? null]);
  for (const { id: deployment } of reaching)
    await setDeviceDeployment(session, tenant, { deployment, device, status, reason });
}

const REACHING = `SELECT p.id FROM deployments p
  JOIN devices d ON d.tenant_id = p.tenant_id AND d.id = $2
  LEFT JOIN inventory i ON i.tenant_id = d.tenant_id AND i.device_id = d.id
  LEFT JOIN device_deployments r ON r.tenant_id = p.tenant_id AND r.deployment_id = p.id AND r.device_id = d.id
  WHERE p.tenant_id = $1 AND p.state IN ('pending', 'inprogress') AND r.finished_at IS NULL
    AND ($3::text IS NULL OR (p.target->>'kind' = 'group' AND p.target->>'group' = $3))
    AND (r.device_id IS NOT NULL OR CASE p.target->>'kind'
      WHEN 'all' THEN d.accepted_at <= p.created_at
      WHEN 'group' THEN d.accepted_at <= p.created_at
        AND i.group_name = p.target->>'group' AND i.group_since <= p.created_at
      WHEN 'updated' THEN d.accepted_at <= p.created_at AND ${isUpdatedIn("(p.target->>'deployment')::uuid", "d.id")}
      ELSE EXISTS (SELECT FROM deployment_targets t
        WHERE t.tenant_id = p.tenant_id AND t.deployment_id = p.id AND t.device_id = d.id) END)
  ORDER BY p.id`;
