import { randomUUID } from "node:crypto";
import type { Plan } from "../../../src/protocol/api/rollouts.ts";
import { parseTerms } from "../../domain/filters/terms.ts";
import { EVERYTHING } from "../../domain/permissions/grants.ts";
import { ServerError } from "../../errors/server-error.ts";
import { countMatching } from "./count-matching.ts";
import { createDeployment } from "./create-deployment.ts";
import { findDeployment } from "./deployments.ts";
import { abortDeployment } from "./end-deployments.ts";
import { findFilter } from "./filters.ts";
import type { Deciding } from "./group-tables.ts";
import type { Session } from "./postgres.ts";
import { WholeDeployment } from "./sight.ts";

/** A standing wish: the devices of a dynamic group get the release of a channel, whichever it is. */
export interface ContinuousDeployment {
  readonly id: string;
  readonly name: string;
  readonly channel: string;
  readonly filter_id: string;
  readonly plan: Plan | null;
  readonly retries: number;
  /** Who made it. */
  readonly by: Deciding;
  /** The deployment of the channel's present release. NULL: the channel had none yet. */
  readonly deployment_id: string | null;
  readonly created_at: Date;
}

const RULES_MAX = 100;
const COLUMNS = "id, name, channel, filter_id, plan, retries, by, deployment_id, created_at";

export function listContinuous(session: Session, tenant: string): Promise<ContinuousDeployment[]> {
  return session.raw<ContinuousDeployment & Record<string, unknown>>(
    `SELECT ${COLUMNS} FROM continuous_deployments WHERE tenant_id = $1 ORDER BY name`,
    [tenant],
  );
}

/**
 * Adds a standing wish, and deploys the present release of the channel. The caller has called `lockTargets`.
 *
 * @throws {ServerError} NOT_POSSIBLE without such a channel or if there are too many; NOT_FOUND without such a filter;
 * CONFLICT if the name is taken; as `createDeployment`
 */
export async function addContinuous(
  session: Session,
  tenant: string,
  wish: Omit<ContinuousDeployment, "deployment_id" | "created_at">,
): Promise<void> {
  const all = await listContinuous(session, tenant);
  if (all.some(({ name }) => name === wish.name))
    throw new ServerError("CONFLICT", { name: wish.name, reason: "the name is taken" });
  if (all.length >= RULES_MAX) throw new ServerError("NOT_POSSIBLE", { reason: `more than ${RULES_MAX} of them` });
  // A promotion to the channel waits.
  const [channel] = await session.raw<{ release: string | null }>(
    "SELECT release FROM channels WHERE tenant_id = $1 AND name = $2 FOR UPDATE",
    [tenant, wish.channel],
  );
  if (channel === undefined)
    throw new ServerError("NOT_POSSIBLE", { channel: wish.channel, reason: "there is no such channel" });
  await session.raw(
    `INSERT INTO continuous_deployments (tenant_id, id, name, channel, filter_id, plan, retries, by)
      VALUES ($1, $2, $3, $4, $5, $6, $7, $8)`,
    [
      ...[tenant, wish.id, wish.name, wish.channel, wish.filter_id, wish.plan && JSON.stringify(wish.plan)],
      ...[wish.retries, JSON.stringify(wish.by)],
    ],
  );
  if (channel.release !== null)
    await deploy(session, tenant, { ...wish, deployment_id: null, created_at: new Date() }, channel.release);
}

/** Ends a standing wish, and its deployment. @throws {ServerError} NOT_FOUND; FORBIDDEN */
export async function removeContinuous(session: Session, tenant: string, id: string): Promise<ContinuousDeployment> {
  const rule = (await listContinuous(session, tenant)).find((one) => one.id === id);
  if (rule === undefined) throw new ServerError("NOT_FOUND", { continuous: id });
  await session.raw("DELETE FROM continuous_deployments WHERE tenant_id = $1 AND id = $2", [tenant, id]);
  if (rule.deployment_id !== null) {
    const deployment = await findDeployment(session, tenant, rule.deployment_id);
    await abortDeployment(session, tenant, await WholeDeployment.inSight(session, tenant, deployment));
  }
  return rule;
}

/**
 * Deploys the release that has come into a channel, by each standing wish, in place of the one before. Who promotes need
 * not see the devices: those who made the wishes did. The caller has called `lockTargets`.
 */
export async function deployChannel(session: Session, tenant: string, channel: string, release: string): Promise<void> {
  const unlimited = { ...session, sight: EVERYTHING };
  for (const rule of await listContinuous(unlimited, tenant))
    if (rule.channel === channel) await deploy(unlimited, tenant, rule, release);
}

async function deploy(session: Session, tenant: string, rule: ContinuousDeployment, release: string): Promise<void> {
  if (rule.deployment_id !== null) {
    const same = await session.raw(
      `SELECT FROM deployments WHERE tenant_id = $1 AND id = $2 AND artifact_name = $3
        AND state IN ('pending', 'inprogress')`,
      [tenant, rule.deployment_id, release],
    );
    if (same.length > 0) return;
    // Who made the standing wish has seen all of them.
    await abortDeployment(session, tenant, WholeDeployment.byPlan(rule.deployment_id), { reason: "SUPERSEDED" });
  }
  const filter = await findFilter(session, tenant, rule.filter_id);
  const id = randomUUID();
  // The waves of a plan are shares of the devices that match now. Without any, there is nothing to divide.
  const isEmpty =
    rule.plan !== null && (await countMatching(session, tenant, parseTerms(filter.terms), false)).count === 0;
  await createDeployment(session, tenant, {
    ...{ id, name: `${rule.name}: ${release}`, artifactName: release, target: { kind: "filter", filter }, devices: [] },
    ...{ forceInstallation: false, retries: rule.retries, updateControlMap: undefined },
    createdBy: { type: "user", ...rule.by, continuous: rule.id },
    plan: rule.plan === null || isEmpty ? undefined : rule.plan,
    author: rule.by.id,
  });
  await session.raw("UPDATE continuous_deployments SET deployment_id = $3 WHERE tenant_id = $1 AND id = $2", [
    ...[tenant, rule.id, id],
  ]);
}
