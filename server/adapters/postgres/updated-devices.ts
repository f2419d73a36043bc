import type { Session } from "./postgres.ts";

/** The condition that the row `u` is of a device that has updated, or that was stopped on its way. */
export const IS_UPDATED = "(u.status = 'success' OR (u.status = 'aborted' AND u.started_at IS NOT NULL))";

/**
 * The condition, in SQL, that a device of the tenant $1 got a deployment: it has updated, or it was stopped on its way,
 * and may run the release.
 */
export const isUpdatedIn = (deployment: string, device: string): string =>
  `EXISTS (SELECT FROM device_deployments u
    WHERE u.tenant_id = $1 AND u.deployment_id = ${deployment} AND u.device_id = ${device} AND ${IS_UPDATED})`;

/** How many accepted devices got a deployment. */
export async function countUpdated(session: Session, tenant: string, deployment: string): Promise<number> {
  const [row] = await session.raw<{ n: number }>(
    `SELECT count(*) AS n FROM device_deployments u JOIN devices d ON d.tenant_id = u.tenant_id AND d.id = u.device_id
      WHERE u.tenant_id = $1 AND u.deployment_id = $2 AND d.status = 'accepted' AND ${IS_UPDATED}`,
    [tenant, deployment],
  );
  return row?.n ?? 0;
}
