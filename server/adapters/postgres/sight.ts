import { sql as fragment } from "kysely";
import { isWithin, parseTerms } from "../../domain/filters/terms.ts";
import type { Sight } from "../../domain/permissions/grants.ts";
import { ServerError } from "../../errors/server-error.ts";
import type { Session } from "./postgres.ts";
import type { Target } from "./tables.ts";
import { IS_UPDATED } from "./updated-devices.ts";

/**
 * The condition that a device is in sight: in one of the groups.
 *
 * @param device the expression of its id
 * @param groups the parameter with the session's groups; NULL: all devices are in sight. $1 is the tenant
 */
export const deviceInSight = (device: string, groups: string): string =>
  `(${groups}::text[] IS NULL OR EXISTS (SELECT FROM inventory seen WHERE seen.tenant_id = $1
    AND seen.device_id = ${device} AND seen.group_name = ANY (${groups}::text[])))`;

/** The same for a query that is built. */
export const rowOfDeviceInSight = (tenant: string, device: string, groups: readonly string[]) =>
  fragment<boolean>`EXISTS (SELECT FROM inventory seen WHERE seen.tenant_id = ${tenant}
    AND seen.device_id = ${fragment.ref(device)} AND seen.group_name = ANY (${[...groups]}::text[]))`;

/** Those of the devices that the session sees. */
export async function devicesInSight(
  { sight: { groups }, raw }: Session,
  tenant: string,
  devices: readonly string[],
): Promise<readonly string[]> {
  if (groups === undefined) return devices;
  const rows = await raw<{ device_id: string }>(
    `SELECT device_id FROM inventory
      WHERE tenant_id = $1 AND device_id = ANY ($2::uuid[]) AND group_name = ANY ($3::text[])`,
    [tenant, devices, groups],
  );
  return rows.map(({ device_id: device }) => device);
}

export async function isInSight(session: Session, tenant: string, device: string): Promise<boolean> {
  return (await devicesInSight(session, tenant, [device])).length > 0;
}

/** @throws {ServerError} FORBIDDEN if the session does not see all devices */
export function requireAllDevices({ sight: { groups } }: Session): void {
  if (groups !== undefined) throw new ServerError("FORBIDDEN", { reason: "your role is limited to groups of devices" });
}

/** Says nothing about whether there is such a group. @throws {ServerError} FORBIDDEN */
export function requireGroup({ sight: { groups } }: Session, group: string): void {
  if (groups?.includes(group) === false)
    throw new ServerError("FORBIDDEN", { group, reason: "your role is limited to other groups" });
}

/** A deployment concerns who sees a device that it is for, or may be for. */
export const deploymentInSight = (groups: readonly string[]) => fragment<boolean>`(
  deployments.target ->> 'kind' NOT IN ('group', 'list') OR deployments.target ->> 'group' = ANY (${[...groups]}::text[])
  OR EXISTS (SELECT FROM deployment_targets t JOIN inventory i ON i.tenant_id = t.tenant_id AND i.device_id = t.device_id
    WHERE t.tenant_id = deployments.tenant_id AND t.deployment_id = deployments.id
      AND i.group_name = ANY (${[...groups]}::text[])))`;

/** The same in a statement, for a row of deployments. */
export const rowOfDeploymentInSight = (row: string, groups: string): string => `(${groups}::text[] IS NULL
  OR ${row}.target ->> 'kind' NOT IN ('group', 'list') OR ${row}.target ->> 'group' = ANY (${groups}::text[])
  OR EXISTS (SELECT FROM deployment_targets t JOIN inventory i ON i.tenant_id = t.tenant_id AND i.device_id = t.device_id
    WHERE t.tenant_id = ${row}.tenant_id AND t.deployment_id = ${row}.id AND i.group_name = ANY (${groups}::text[])))`;

/** Whether somebody with this sight sees all devices that a deployment is for. */
export async function seesWholeDeployment(
  { raw }: Session,
  tenant: string,
  { id, target }: { readonly id: string; readonly target: Target },
  { groups }: Sight,
): Promise<boolean> {
  if (groups === undefined) return true;
  if (target.kind === "updated") return seesUpdated({ raw }, tenant, target.deployment, { groups });
  if (target.kind === "filter") return isWithin(parseTerms(target.filter.terms), groups);
  if (target.kind !== "list") return target.kind === "group" && groups.includes(target.group);
  const others = await raw(
    `SELECT FROM deployment_targets t WHERE t.tenant_id = $1 AND t.deployment_id = $2
      AND NOT ${deviceInSight("t.device_id", "$3")} LIMIT 1`,
    [tenant, id, groups],
  );
  return others.length === 0;
}

/** Whether somebody with this sight sees all devices that got a deployment, or are getting it. */
export async function seesUpdated(
  { raw }: Pick<Session, "raw">,
  tenant: string,
  deployment: string,
  { groups }: Pick<Sight, "groups">,
): Promise<boolean> {
  if (groups === undefined) return true;
  const others = await raw(
    `SELECT FROM device_deployments u JOIN devices d ON d.tenant_id = u.tenant_id AND d.id = u.device_id
      WHERE u.tenant_id = $1 AND u.deployment_id = $2 AND (${IS_UPDATED} OR u.finished_at IS NULL)
        AND NOT ${deviceInSight("u.device_id", "$3")} LIMIT 1`,
    [tenant, deployment, groups],
  );
  return others.length === 0;
}

/**
 * A deployment that may be ended or changed as a whole. Whatever acts on whole deployments takes nothing else, so no
 * route can forget to ask.
 */
export class WholeDeployment {
  // Private, so that no object but one of this class has its type.
  readonly #id: string;

  private constructor(id: string) {
    this.#id = id;
  }

  get id(): string {
    return this.#id;
  }

  /**
   * Asks whether the session sees all devices that the deployment is for.
   *
   * @throws {ServerError} FORBIDDEN
   */
  static async inSight(
    session: Session,
    tenant: string,
    deployment: { readonly id: string; readonly target: Target },
  ): Promise<WholeDeployment> {
    if (await seesWholeDeployment(session, tenant, deployment, session.sight))
      return new WholeDeployment(deployment.id);
    throw new ServerError("FORBIDDEN", {
      ...{ deployment: deployment.id, reason: "it is also for devices outside of your groups" },
    });
  }

  /** For what the plan of a rollout decides. */
  static byPlan(id: string): WholeDeployment {
    return new WholeDeployment(id);
  }
}

/** The same before a deployment to the devices that got another one. @throws {ServerError} FORBIDDEN */
export async function requireUpdated(session: Session, tenant: string, deployment: string): Promise<void> {
  if (!(await seesUpdated(session, tenant, deployment, session.sight)))
    throw new ServerError("FORBIDDEN", { deployment, reason: "devices outside of your groups got it" });
}

/** The condition that a release is in sight, for a query of releases or of their artifacts. */
export const releaseInSight = (tags: readonly string[]) => fragment<boolean>`releases.tags && ${[...tags]}::text[]`;

export const artifactInSight = (tags: readonly string[]) => fragment<boolean>`EXISTS (SELECT FROM releases
  WHERE releases.tenant_id = artifacts.tenant_id AND releases.name = artifacts.name AND ${releaseInSight(tags)})`;

/** @throws {ServerError} FORBIDDEN for a release that is there and that the session does not see */
export async function requireRelease(
  { sight: { tags }, raw }: Session,
  tenant: string,
  release: string,
): Promise<void> {
  if (tags === undefined) return;
  const hidden = await raw("SELECT FROM releases WHERE tenant_id = $1 AND name = $2 AND NOT tags && $3::text[]", [
    ...[tenant, release, tags],
  ]);
  if (hidden.length > 0)
    throw new ServerError("FORBIDDEN", { release, reason: "your role is limited to other tags of releases" });
}
