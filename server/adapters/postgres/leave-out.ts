import type { Predicate } from "../../domain/filters/predicate.ts";
import type { Leaving } from "../../domain/rollout/counts.ts";
import { ADD_CHANGES, SHARD_SQL } from "./deployment-counts.ts";
import { membersOf } from "./deployment-devices.ts";
import type { Deployment } from "./deployments.ts";
import { compilePredicate, type Parameters, startParameters } from "./filter-sql.ts";
import { inTime } from "./inventory-search.ts";
import type { Session } from "./postgres.ts";

/** The wave of devices that were left out. No counter of another wave has them. */
export const LEFT_OUT_WAVE = -2;

/** An act is rare, and may take as long as a million devices need. */
const LIMIT = "60s";

/** Which devices a person leaves out of a rollout. */
export interface LeftOut {
  readonly predicate: Predicate;
  /** In words of the person. */
  readonly without: string;
}

/**
 * Counts the devices of a rollout that match: those that have not begun, and those that have failed.
 *
 * @throws {ServerError} NOT_POSSIBLE if that takes too long
 */
export function countLeaving(
  session: Session,
  tenant: string,
  deployment: Deployment,
  { predicate, without }: LeftOut,
): Promise<Leaving> {
  return inTime(
    session,
    async () => {
      const waiting = waitingOf(tenant, deployment, predicate);
      const groups = await session.raw<{ name: string | null; n: number }>(
        `SELECT i.group_name AS name, count(*) AS n ${waiting.from} GROUP BY i.group_name`,
        waiting.values,
      );
      const failed = failedOf(tenant, deployment, predicate);
      const waves = await session.raw<{ wave: number; n: number }>(
        `SELECT r.wave, count(*) AS n ${failed.from} GROUP BY r.wave`,
        failed.values,
      );
      const length = Math.max(0, ...waves.map(({ wave }) => wave + 1));
      return {
        without,
        devices: groups.reduce((sum, { n }) => sum + n, 0),
        groups: Object.fromEntries(groups.flatMap(({ name, n }) => (name === null ? [] : [[name, n]]))),
        failed: Array.from({ length }, (_, index) => waves.find(({ wave }) => wave === index)?.n ?? 0),
      };
    },
    LIMIT,
  );
}

/** Leaves them out, with all counters. The rollout must be locked since they were counted. */
export async function leaveOut(
  session: Session,
  tenant: string,
  deployment: Deployment,
  { predicate }: LeftOut,
): Promise<void> {
  const waiting = waitingOf(tenant, deployment, predicate);
  await session.raw(
    `WITH gone AS (
      INSERT INTO device_deployments (tenant_id, deployment_id, device_id, status, reason, wave, finished_at)
      SELECT $1, $2, m.device_id, 'aborted', 'LEFT_OUT', ${LEFT_OUT_WAVE}, now() ${waiting.from}
      ON CONFLICT DO NOTHING RETURNING device_id
    ), changes AS (
      SELECT $2::uuid AS deployment_id, 'aborted' AS status, ${LEFT_OUT_WAVE}::smallint AS wave, ${SHARD_SQL} AS shard,
        count(*) AS change FROM gone GROUP BY 4
    ), ${ADD_CHANGES}`,
    waiting.values,
  );
  const failed = failedOf(tenant, deployment, predicate);
  await session.raw(
    `UPDATE device_deployments SET reason = 'LEFT_OUT' FROM (SELECT r.device_id AS left_out ${failed.from}) AS x
      WHERE tenant_id = $1 AND deployment_id = $2 AND device_id = left_out`,
    failed.values,
  );
}

interface Part {
  readonly from: string;
  readonly values: readonly unknown[];
}

/** From where the devices come that have not begun. */
function waitingOf(tenant: string, deployment: Deployment, predicate: Predicate): Part {
  const { text, values } = membersOf(tenant, deployment, []);
  const parameters = startParameters(values);
  const from = `FROM (${text}) AS m ${conditionsOf("m", predicate, parameters)}
    AND NOT EXISTS (
      SELECT FROM device_deployments r WHERE r.tenant_id = $1 AND r.deployment_id = $2 AND r.device_id = m.device_id)`;
  return { from, values: parameters.values };
}

/** From where those come that have failed and count as failures. */
function failedOf(tenant: string, { id }: Deployment, predicate: Predicate): Part {
  const parameters = startParameters([tenant, id]);
  const from = `FROM device_deployments r ${conditionsOf("r", predicate, parameters)}
    AND r.tenant_id = $1 AND r.deployment_id = $2 AND r.status = 'failure' AND r.wave >= 0
    AND r.reason IS DISTINCT FROM 'LEFT_OUT'`;
  return { from, values: parameters.values };
}

const conditionsOf = (from: string, predicate: Predicate, parameters: Parameters): string =>
  `JOIN inventory i ON i.tenant_id = $1 AND i.device_id = ${from}.device_id
    LEFT JOIN device_state c ON c.tenant_id = $1 AND c.device_id = i.device_id
    WHERE ${compilePredicate(predicate, parameters)}`;
