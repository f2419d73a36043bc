import { advance } from "../../domain/rollout/advance.ts";
import type { Counts } from "../../domain/rollout/counts.ts";
import { stateOf } from "../../domain/rollout/state.ts";
import { ServerError } from "../../errors/server-error.ts";
import { type Deployment, findDeployment } from "./deployments.ts";
import type { Session } from "./postgres.ts";
import { readRollout, readRolloutCounts, type StoredRollout } from "./rollouts.ts";
import { rowOfDeploymentInSight } from "./sight.ts";

/** A rollout with its deployment and its counters. */
export interface RolloutView {
  readonly deployment: Deployment;
  readonly stored: StoredRollout;
  readonly counts: Counts;
}

/** @throws {ServerError} NOT_FOUND: there is no such deployment, or it has no plan */
export async function viewRollout(session: Session, tenant: string, id: string): Promise<RolloutView> {
  const deployment = await findDeployment(session, tenant, id);
  const stored = await readRollout(session, tenant, id);
  if (stored === undefined) throw new ServerError("NOT_FOUND", { rollout: id });
  return { deployment, stored, counts: await readRolloutCounts(session, tenant, stored) };
}

/** What it waits for, and why no device may begin, at this moment. */
export const waitsNow = ({ stored, counts }: RolloutView) =>
  advance(stored.plan, stored.memory, { counts, acts: [], now: stored.now });

/** A page of rollouts, the newest first, and how many there are. */
export async function listRollouts(
  session: Session,
  tenant: string,
  isRunning: boolean | undefined,
  { offset, limit }: { readonly offset: number; readonly limit: number },
): Promise<{ readonly rollouts: readonly RolloutView[]; readonly total: number }> {
  const rows = await session.raw<{ id: string; total: number }>(
    `SELECT id, count(*) OVER () AS total FROM deployments d
      JOIN rollouts r ON r.tenant_id = d.tenant_id AND r.deployment_id = d.id
      WHERE d.tenant_id = $1 AND is_rollout AND ($2::boolean IS NULL OR (r.ended IS NULL) = $2)
      AND ${rowOfDeploymentInSight("d", "$5")} ORDER BY seq DESC OFFSET $3 LIMIT $4`,
    [tenant, isRunning ?? null, offset, limit, session.sight.groups ?? null],
  );
  const rollouts = [];
  for (const { id } of rows) rollouts.push(await viewRollout(session, tenant, id));
  return { rollouts, total: rows[0]?.total ?? 0 };
}

export interface StoredDecision extends Record<string, unknown> {
  readonly seq: number;
  readonly at: Date;
  readonly code: string;
  readonly facts: Record<string, string | number>;
  readonly by: { readonly id: string; readonly email: string } | null;
}

/** The decisions after one of them, in order. */
export function listDecisions(
  session: Session,
  tenant: string,
  id: string,
  { after, limit }: { readonly after: number; readonly limit: number },
): Promise<StoredDecision[]> {
  return session.raw<StoredDecision>(
    `SELECT seq, at, code, facts, by FROM rollout_decisions
      WHERE tenant_id = $1 AND deployment_id = $2 AND seq > $3 ORDER BY seq LIMIT $4`,
    [tenant, id, after, limit],
  );
}

/** The state of a rollout in one word. */
export const stateOfView = ({ stored }: RolloutView) => stateOf(stored.plan, stored.memory);

/** Who made the last decision of a kind. `undefined`: the plan did, or there is none. */
export async function lastDeciderOf(
  session: Session,
  tenant: string,
  id: string,
  code: string,
): Promise<{ readonly id: string; readonly email: string } | undefined> {
  const [row] = await session.raw<{ by: StoredDecision["by"] }>(
    `SELECT by FROM rollout_decisions WHERE tenant_id = $1 AND deployment_id = $2 AND code = $3
      ORDER BY seq DESC LIMIT 1`,
    [tenant, id, code],
  );
  return row?.by ?? undefined;
}

/** So many devices tell which release they had. Their ids are random. */
const ASKED_MAX = 10_000;

/** The release that most devices of a deployment had before it, if it is still there. */
export async function releaseBefore(session: Session, tenant: string, id: string): Promise<string | undefined> {
  const [row] = await session.raw<{ name: string }>(
    `SELECT from_artifact AS name FROM (
        SELECT from_artifact FROM device_deployments WHERE tenant_id = $1 AND deployment_id = $2
        ORDER BY device_id LIMIT ${ASKED_MAX}) AS r
      JOIN releases l ON l.tenant_id = $1 AND l.name = r.from_artifact
      GROUP BY from_artifact ORDER BY count(*) DESC, 1 LIMIT 1`,
    [tenant, id],
  );
  return row?.name;
}
