import type { Plan } from "../../../src/protocol/api/rollouts.ts";
import { parseTerms } from "../../domain/filters/terms.ts";
import { ServerError } from "../../errors/server-error.ts";
import { countMatching } from "./count-matching.ts";
import { writeEvent } from "./events.ts";
import { compilePredicate, startParameters } from "./filter-sql.ts";
import { requirePredicateInSight } from "./filters.ts";
import type { TargetFilter } from "./group-tables.ts";
import { createRollout } from "./move-rollout.ts";
import type { Session } from "./postgres.ts";
import { deviceInSight, requireAllDevices, requireGroup, requireUpdated } from "./sight.ts";
import type { Target } from "./tables.ts";
import { countUpdated } from "./updated-devices.ts";

export interface DeploymentWish {
  readonly id: string;
  readonly name: string;
  readonly artifactName: string;
  readonly target: Target;
  /** Of a list, each once. */
  readonly devices: readonly string[];
  readonly forceInstallation: boolean;
  readonly retries: number;
  readonly updateControlMap: object | undefined;
  readonly createdBy: object;
  /** How it reaches its devices. `undefined`: all of them may begin at once. */
  readonly plan: Plan | undefined;
  /** The id of who creates it. */
  readonly author: string;
}

/**
 * Holds off acceptances and changes of groups until the transaction ends, so that the number of devices is exact. It
 * must come before everything else of the transaction.
 */
export async function lockTargets(session: Session, tenant: string): Promise<void> {
  await session.raw("SELECT pg_advisory_xact_lock(hashtextextended($1, 0))", [tenant]);
}

/**
 * Creates a deployment with one row, for however many devices; only a list has a row for each of its devices.
 *
 * @throws {ServerError} NOT_POSSIBLE without such a release, REQUEST_INVALID without devices, FORBIDDEN for devices out of sight,
 * CONFLICT if the same deployment is running
 */
export async function createDeployment(session: Session, tenant: string, wish: DeploymentWish): Promise<void> {
  // A release that is removed at the same time waits, and finds this deployment.
  const release = await session.raw(
    `SELECT FROM releases WHERE tenant_id = $1 AND name = $2
    AND ($3::text[] IS NULL OR tags && $3) FOR SHARE`,
    [tenant, wish.artifactName, session.sight.tags ?? null],
  );
  if (release.length === 0)
    throw new ServerError("NOT_POSSIBLE", { artifact_name: wish.artifactName, reason: "there is no such release" });
  if (wish.target.kind === "group") requireGroup(session, wish.target.group);
  else if (wish.target.kind === "updated") await requireUpdated(session, tenant, wish.target.deployment);
  else if ("filter" in wish.target && wish.target.filter !== undefined)
    requirePredicateInSight(session, parseTerms(wish.target.filter.terms));
  else if (wish.target.kind !== "list") requireAllDevices(session);
  const deviceCount = await countTargets(session, tenant, wish);
  // Devices may match later. But the waves of a plan are shares of those that match now.
  if (deviceCount === 0 && (wish.target.kind !== "filter" || wish.plan !== undefined))
    throw new ServerError("REQUEST_INVALID", { reason: "the deployment is for no device" });
  const same = await findSame(session, tenant, wish);
  if (same !== undefined)
    throw new ServerError("CONFLICT", { deployment: same, reason: "the same deployment is running" });
  // The time after the lock: now() is the beginning of the transaction, before an acceptance that it waited for.
  await session.raw(
    `INSERT INTO deployments (tenant_id, id, name, artifact_name, target, force_installation, retries,
        update_control_map, device_count, created_by, is_rollout, created_at)
      VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, clock_timestamp())`,
    [
      ...[tenant, wish.id, wish.name, wish.artifactName, JSON.stringify(wish.target), wish.forceInstallation],
      ...[wish.retries, wish.updateControlMap && JSON.stringify(wish.updateControlMap)],
      ...[deviceCount, JSON.stringify(wish.createdBy), wish.plan !== undefined],
    ],
  );
  if (wish.target.kind === "list" && wish.target.filter !== undefined)
    await keepMatching(session, tenant, wish.id, wish.target.filter);
  else if (wish.target.kind === "list")
    await session.raw(
      `INSERT INTO deployment_targets (tenant_id, deployment_id, device_id) SELECT $1, $2, unnest($3::uuid[])`,
      [tenant, wish.id, wish.devices],
    );
  if (wish.plan !== undefined) await createRollout(session, tenant, wish.id, wish.plan, wish.author);
  const { id, name, artifactName: artifact_name, target } = wish;
  await writeEvent(session, tenant, {
    type: "deployment-created",
    data: { id, name, artifact_name, target, device_count: deviceCount },
  });
}

/** Makes the devices that match now the list of a deployment. */
async function keepMatching(session: Session, tenant: string, id: string, filter: TargetFilter): Promise<void> {
  const parameters = startParameters([tenant, id]);
  const matches = compilePredicate(parseTerms(filter.terms), parameters);
  const kept = await session.raw<{ n: number }>(
    `WITH kept AS (
        INSERT INTO deployment_targets (tenant_id, deployment_id, device_id)
        SELECT $1, $2, i.device_id FROM inventory i LEFT JOIN device_state c ON c.device_id = i.device_id
        WHERE i.tenant_id = $1 AND i.status = 'accepted' AND ${matches} RETURNING 1)
      SELECT count(*) AS n FROM kept`,
    parameters.values,
  );
  // Between the count and the list, devices may have changed.
  await session.raw("UPDATE deployments SET device_count = $3 WHERE tenant_id = $1 AND id = $2", [
    ...[tenant, id, kept[0]?.n ?? 0],
  ]);
}

/** @throws {ServerError} REQUEST_INVALID if a device of a list is not known */
async function countTargets(session: Session, tenant: string, { target, devices }: DeploymentWish): Promise<number> {
  if ("filter" in target && target.filter !== undefined) {
    const accepted = { test: "equals", at: { scope: "identity", attribute: "status" }, values: ["accepted"] } as const;
    const predicate = { test: "all", of: [accepted, parseTerms(target.filter.terms)] } as const;
    return (await countMatching(session, tenant, predicate, true)).count;
  }
  if (target.kind === "list") {
    const [row] = await session.raw<{ n: number }>(
      `SELECT count(*) AS n FROM devices d
        WHERE tenant_id = $1 AND id = ANY ($2::uuid[]) AND ${deviceInSight("d.id", "$3")}`,
      [tenant, devices, session.sight.groups ?? null],
    );
    const known = row?.n ?? 0;
    if (known < devices.length)
      throw new ServerError("REQUEST_INVALID", { in: "devices", unknown: devices.length - known });
    return known;
  }
  if (target.kind === "updated") return countUpdated(session, tenant, target.deployment);
  if (target.kind === "filter") return 0;
  const what = target.kind === "all" ? "status:accepted" : `group:${target.group}`;
  const [row] = await session.raw<{ n: number }>(
    "SELECT coalesce(sum(n), 0)::bigint AS n FROM device_counts WHERE tenant_id = $1 AND what = $2",
    [tenant, what],
  );
  return Math.max(0, row?.n ?? 0);
}

/** The id of a running deployment with the same name, release and devices. */
async function findSame(session: Session, tenant: string, wish: DeploymentWish): Promise<string | undefined> {
  const [row] = await session.raw<{ id: string }>(
    `SELECT id FROM deployments d
      WHERE tenant_id = $1 AND state IN ('pending', 'inprogress') AND name = $2 AND artifact_name = $3 AND target = $4
        AND (target->>'kind' <> 'list' OR (device_count = cardinality($5::uuid[]) AND device_count = (
          SELECT count(*) FROM deployment_targets t
          WHERE t.tenant_id = d.tenant_id AND t.deployment_id = d.id AND t.device_id = ANY ($5::uuid[]))))
      LIMIT 1`,
    [tenant, wish.name, wish.artifactName, JSON.stringify(wish.target), wish.devices],
  );
  return row?.id;
}
