import type { Situation } from "../../domain/attention/attention.ts";
import type { Grants } from "../../domain/permissions/grants.ts";
import type { Memory } from "../../domain/rollout/memory.ts";
import { countByStatus } from "./devices.ts";
import type { Session } from "./postgres.ts";
import { deviceInSight, rowOfDeploymentInSight } from "./sight.ts";

/** Of more devices, only so many are asked when they polled last. Their ids are random. */
const LOOKED_MAX = 20_000;

/** What may need this person, as far as they may see it. Its cost does not grow with the fleet. */
export async function readSituation(
  session: Session,
  tenant: string,
  { user, grants }: { readonly user: string; readonly grants: Grants },
): Promise<Situation> {
  return {
    person: user,
    inconsistent: await countInconsistent(session, tenant),
    pending: (await countByStatus(session, tenant)).get("status:pending") ?? 0,
    silence: await readSilence(session, tenant),
    rollouts: await readRollouts(session, tenant),
    webhooks: grants.has("ReadIntegrations") ? await readFailing(session, tenant) : [],
  };
}

async function countInconsistent(session: Session, tenant: string): Promise<number> {
  const [row] = await session.raw<{ n: number }>(
    `SELECT count(*) AS n FROM device_state s JOIN devices d ON d.tenant_id = s.tenant_id AND d.id = s.device_id
      WHERE s.tenant_id = $1 AND s.artifact_name LIKE '%\\_INCONSISTENT' AND d.status = 'accepted'
        AND ${deviceInSight("s.device_id", "$2")}`,
    [tenant, session.sight.groups ?? null],
  );
  return row?.n ?? 0;
}

async function readSilence(session: Session, tenant: string): Promise<Situation["silence"]> {
  const rows = await session.raw<{ group: string | null; looked: number; silent: number }>(
    `SELECT i.group_name AS group, count(*) AS looked, count(*) FILTER (
        WHERE s.check_in_at < now() - (2 * s.poll_interval_s + 60) * interval '1 second') AS silent
      FROM (SELECT device_id, check_in_at, poll_interval_s FROM device_state s
        WHERE tenant_id = $1 AND poll_interval_s IS NOT NULL AND ${deviceInSight("s.device_id", "$2")}
        ORDER BY device_id LIMIT ${LOOKED_MAX}) AS s
      JOIN inventory i ON i.tenant_id = $1 AND i.device_id = s.device_id
      WHERE i.status = 'accepted' GROUP BY 1 ORDER BY 1`,
    [tenant, session.sight.groups ?? null],
  );
  return rows.map(({ group, ...numbers }) => ({ ...numbers, group: group ?? undefined }));
}

async function readRollouts(session: Session, tenant: string): Promise<Situation["rollouts"]> {
  return session.raw<{ id: string; name: string; memory: Memory; approvals: number }>(
    `SELECT d.id, d.name, r.memory, coalesce((r.plan->>'approvals')::int, 0) AS approvals
      FROM rollout_clocks c JOIN rollouts r ON r.tenant_id = c.tenant_id AND r.deployment_id = c.deployment_id
      JOIN deployments d ON d.tenant_id = c.tenant_id AND d.id = c.deployment_id
      WHERE c.tenant_id = $1 AND ${rowOfDeploymentInSight("d", "$2")} ORDER BY d.seq DESC`,
    [tenant, session.sight.groups ?? null],
  );
}

async function readFailing(session: Session, tenant: string): Promise<Situation["webhooks"]> {
  const rows = await session.raw<{ id: string; url: string; failures: number; since: Date; disabled: boolean }>(
    `SELECT id, url, failures, coalesce(failing_since, disabled_at) AS since, disabled_at IS NOT NULL AS disabled
      FROM webhooks WHERE tenant_id = $1 AND (failing_since IS NOT NULL OR disabled_at IS NOT NULL) ORDER BY created_at`,
    [tenant],
  );
  return rows.map(({ id, url, failures, since, disabled }) => ({
    ...{ id, url, failures, failingSince: since.getTime(), isDisabled: disabled },
  }));
}
