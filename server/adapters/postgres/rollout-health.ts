import type { HealthRule } from "../../../src/protocol/api/rollouts.ts";
import type { Counts } from "../../domain/rollout/counts.ts";
import type { Health } from "../../domain/rollout/facts.ts";
import type { Session } from "./postgres.ts";

/** Of more devices, only so many are looked at: the ids are random, so that the first of them are as good as any. */
const LOOKED_MAX = 10_000;

/** For so long, a device may be silent. `s` is its state. It has shown its interval, or has the default of agents. */
const USUAL = "(2 * coalesce(s.poll_interval_s, 1800) + 60) * interval '1 second'";

/**
 * How the devices of a rollout are, by their polls: those that failed, those that were updated (in the newest wave
 * first), and those that are under way. The cost does not grow with the rollout.
 */
export async function readHealth(session: Session, tenant: string, deployment: string): Promise<Health> {
  const [row] = await session.raw<HealthRow>(HEALTH, [tenant, deployment]);
  if (row === undefined) throw new Error("a query without a row");
  const { failed, updated, under_way: underWay, usual_until: usualUntil } = row;
  return { failed, updated, underWay, usualUntil: usualUntil ?? undefined };
}

interface HealthRow extends Record<string, unknown> {
  readonly failed: Health["failed"];
  readonly updated: Health["updated"];
  readonly under_way: Health["underWay"];
  readonly usual_until: number | null;
}

/** A device that has finished a newer deployment since has moved on: it is neither down nor away from this release. */
const HEALTH = `WITH d AS (
    SELECT seq, artifact_name FROM deployments WHERE tenant_id = $1 AND id = $2
  ), failed AS (
    SELECT s.check_in_at > r.finished_at AS heard, s.artifact_name AS name, r.from_artifact AS old,
      s.finished_seq > d.seq AS moved_on
    FROM d, (SELECT * FROM device_deployments
      WHERE tenant_id = $1 AND deployment_id = $2 AND status = 'failure' AND wave >= 0
      ORDER BY device_id LIMIT ${LOOKED_MAX}) AS r
    JOIN device_state s ON s.tenant_id = $1 AND s.device_id = r.device_id
  ), updated AS (
    SELECT s.check_in_at > r.finished_at AS heard, greatest(s.check_in_at, r.finished_at) + ${USUAL} AS usual_until,
      s.artifact_name = d.artifact_name OR s.finished_seq > d.seq AS as_wished
    FROM d, (SELECT * FROM device_deployments
      WHERE tenant_id = $1 AND deployment_id = $2 AND status = 'success' AND wave >= 0
      ORDER BY wave DESC, device_id DESC LIMIT ${LOOKED_MAX}) AS r
    JOIN device_state s ON s.tenant_id = $1 AND s.device_id = r.device_id
  ), under_way AS (
    SELECT greatest(s.check_in_at, r.changed_at) + ${USUAL} AS usual_until
    FROM (SELECT * FROM device_deployments
      WHERE tenant_id = $1 AND deployment_id = $2 AND finished_at IS NULL AND wave >= 0
      ORDER BY started_at LIMIT ${LOOKED_MAX}) AS r
    JOIN device_state s ON s.tenant_id = $1 AND s.device_id = r.device_id
  )
  SELECT
    (SELECT json_build_object('looked', count(*),
      'back', count(*) FILTER (WHERE heard AND (moved_on OR name = old)),
      'inconsistent', count(*) FILTER (WHERE heard AND NOT moved_on AND name LIKE '%\\_INCONSISTENT'))
      FROM failed) AS failed,
    (SELECT json_build_object('looked', count(*),
      'silent', count(*) FILTER (WHERE usual_until < now()),
      'unheard', count(*) FILTER (WHERE usual_until >= now() AND heard IS NOT TRUE),
      'other', count(*) FILTER (WHERE usual_until >= now() AND heard AND NOT as_wished))
      FROM updated) AS updated,
    (SELECT json_build_object('looked', count(*), 'silent', count(*) FILTER (WHERE usual_until < now()))
      FROM under_way) AS under_way,
    (SELECT floor(extract(epoch FROM max(usual_until)) * 1000)::float8
      FROM updated WHERE usual_until >= now() AND heard IS NOT TRUE) AS usual_until`;

/**
 * How many of the updated devices of a wave are well: they have polled since their update and no longer ago than usual,
 * and report each attribute of the rule within its limits. A device that does not report one is not well.
 */
export async function countWell(
  session: Session,
  tenant: string,
  deployment: string,
  wave: number,
  { attributes }: HealthRule,
): Promise<NonNullable<Counts["health"]>> {
  const [row] = await session.raw<{ looked: number; well: number }>(WELL, [
    ...[tenant, deployment, wave, JSON.stringify(attributes)],
  ]);
  return row ?? { looked: 0, well: 0 };
}

/**
 * The same for a halt rule: of the updated devices, only those that have polled since, or should have. The others may be
 * well, or not.
 */
export async function countHeard(
  session: Session,
  tenant: string,
  deployment: string,
  wave: number,
  { attributes }: HealthRule,
): Promise<NonNullable<Counts["heard"]>> {
  const [row] = await session.raw<{ looked: number; well: number }>(
    `${WELL} WHERE s.check_in_at > r.finished_at OR greatest(s.check_in_at, r.finished_at) + ${USUAL} < now()`,
    [tenant, deployment, wave, JSON.stringify(attributes)],
  );
  return row ?? { looked: 0, well: 0 };
}

/** Attributes are numbers, or texts of clients that write numbers so. */
const WELL = `SELECT count(*) AS looked, count(*) FILTER (WHERE s.check_in_at > r.finished_at
      AND s.check_in_at + ${USUAL} >= now() AND NOT EXISTS (
        SELECT FROM jsonb_to_recordset($4::jsonb) AS a (attribute text, min float8, max float8)
        WHERE (CASE WHEN i.attributes->'inventory'->>a.attribute ~ '^-?[0-9]{1,15}([.][0-9]{1,15})?$'
          THEN (i.attributes->'inventory'->>a.attribute)::float8
            BETWEEN coalesce(a.min, '-infinity') AND coalesce(a.max, 'infinity') END) IS NOT TRUE)) AS well
    FROM (SELECT device_id, finished_at FROM device_deployments
      WHERE tenant_id = $1 AND deployment_id = $2 AND wave = $3 AND status = 'success' AND wave >= 0
      ORDER BY device_id LIMIT ${LOOKED_MAX}) AS r
    JOIN device_state s ON s.tenant_id = $1 AND s.device_id = r.device_id
    JOIN inventory i ON i.tenant_id = $1 AND i.device_id = r.device_id`;
