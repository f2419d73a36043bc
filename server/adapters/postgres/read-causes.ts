import type { CauseKind } from "../../domain/failures/cause.ts";
import { factorsOf, type Samples, type Traits } from "../../domain/failures/factors.ts";
import type { FrequentCause } from "../../domain/rollout/facts.ts";
import { membersOf } from "./deployment-devices.ts";
import type { Deployment } from "./deployments.ts";
import type { Session } from "./postgres.ts";
import { deviceInSight } from "./sight.ts";
import type { Attributes } from "./tables.ts";

export interface CauseCount extends Record<string, unknown> {
  readonly cause: string;
  readonly kind: CauseKind;
  readonly signature: string;
  readonly n: number;
  /** A device that failed by it, with the line of its log if that was kept. */
  readonly device: string | null;
  readonly line: string | null;
  readonly has_log: boolean | null;
}

/** Why devices of a deployment failed, the most frequent cause first, as far as they are in sight. */
export function listCauses(session: Session, tenant: string, deployment: string, limit: number): Promise<CauseCount[]> {
  const { groups } = session.sight;
  // Counters know nothing of groups.
  const counted =
    groups === undefined
      ? `SELECT cause, sum(n)::bigint AS n FROM failure_counts
          WHERE tenant_id = $1 AND deployment_id = $2 GROUP BY cause HAVING sum(n) > 0`
      : `SELECT cause, count(*) AS n FROM device_deployments r
          WHERE tenant_id = $1 AND deployment_id = $2 AND cause IS NOT NULL AND status = 'failure'
            AND ${deviceInSight("r.device_id", "$4")} GROUP BY cause`;
  return session.raw<CauseCount>(
    `SELECT c.cause, c.kind, c.signature, n, example.device, example.has_log,
        CASE WHEN example.device = c.device_id THEN c.line END AS line
      FROM (${counted}) AS counted
      JOIN failure_causes c ON c.tenant_id = $1 AND c.deployment_id = $2 AND c.cause = counted.cause
      LEFT JOIN LATERAL (
        SELECT r.device_id AS device, r.has_log FROM device_deployments r
        WHERE r.tenant_id = $1 AND r.deployment_id = $2 AND r.cause = c.cause AND r.status = 'failure'
          AND ${deviceInSight("r.device_id", "$4")}
        ORDER BY r.device_id = c.device_id DESC, r.device_id LIMIT 1) AS example ON true
      ORDER BY n DESC, c.cause LIMIT $3`,
    [tenant, deployment, limit, groups ?? null],
  );
}

/** So many devices of each kind are compared. Ids are random, so the first ones are a fair sample. */
export const SUCCEEDED_MAX = 800;
const SAMPLE = { failed: 400, succeeded: SUCCEEDED_MAX, waiting: 400 };
/** Among so many rows they are looked for, however large the deployment is. */
const LOOKED_AT = 50_000;

/** Samples of the devices of a deployment, to compare those that failed by a cause with the others. */
export async function sampleDevices(
  session: Session,
  tenant: string,
  deployment: Deployment,
  causes: readonly string[],
): Promise<ReadonlyMap<string, Samples>> {
  const sight = session.sight.groups ?? null;
  const idsOf = async (text: string, values: readonly unknown[]): Promise<readonly string[]> =>
    (await session.raw<{ id: string }>(text, values)).map(({ id }) => id);
  const succeeded = await idsOf(
    `SELECT device_id AS id FROM (SELECT device_id, status FROM device_deployments
        WHERE tenant_id = $1 AND deployment_id = $2 ORDER BY device_id LIMIT ${LOOKED_AT}) AS r
      WHERE status = 'success' AND ${deviceInSight("r.device_id", "$3")} ORDER BY device_id LIMIT ${SAMPLE.succeeded}`,
    [tenant, deployment.id, sight],
  );
  const { text, values } = membersOf(tenant, deployment, [sight]);
  const waiting = await idsOf(
    `SELECT device_id AS id FROM (SELECT device_id FROM (${text}) AS m ORDER BY device_id LIMIT ${LOOKED_AT}) AS m
      WHERE $2::uuid IS NOT NULL AND ${deviceInSight("m.device_id", "$5")} AND NOT EXISTS (
        SELECT FROM device_deployments r WHERE r.tenant_id = $1 AND r.deployment_id = $2 AND r.device_id = m.device_id)
      ORDER BY device_id LIMIT ${SAMPLE.waiting}`,
    values,
  );
  const failed = new Map<string, readonly string[]>();
  for (const cause of causes)
    failed.set(
      cause,
      await idsOf(
        `SELECT device_id AS id FROM device_deployments r
          WHERE tenant_id = $1 AND deployment_id = $2 AND cause = $3 AND status = 'failure'
            AND ${deviceInSight("r.device_id", "$4")} ORDER BY device_id LIMIT ${SAMPLE.failed}`,
        [tenant, deployment.id, cause, sight],
      ),
    );
  const all = [...succeeded, ...waiting, ...[...failed.values()].flat()];
  const traits = await readTraits(session, tenant, deployment.id, all);
  const traitsOf = (ids: readonly string[]): Traits[] => ids.flatMap((id) => traits.get(id) ?? []);
  const others = { succeeded: traitsOf(succeeded), waiting: traitsOf(waiting) };
  return new Map([...failed].map(([cause, ids]) => [cause, { ...others, failed: traitsOf(ids) }]));
}

interface TraitsRow extends Record<string, unknown> {
  readonly id: string;
  readonly attributes: Attributes;
  readonly tags: Readonly<Record<string, { readonly value: string }>>;
  readonly group_name: string | null;
  readonly device_type: string | null;
  readonly from_artifact: string | null;
}

async function readTraits(
  session: Session,
  tenant: string,
  deployment: string,
  ids: readonly string[],
): Promise<ReadonlyMap<string, Traits>> {
  const rows = await session.raw<TraitsRow>(
    `SELECT i.device_id AS id, i.attributes, i.tags, i.group_name, r.device_type, r.from_artifact
      FROM unnest($3::uuid[]) AS wanted (id)
      JOIN inventory i ON i.tenant_id = $1 AND i.device_id = wanted.id
      LEFT JOIN device_deployments r ON r.tenant_id = $1 AND r.deployment_id = $2 AND r.device_id = wanted.id`,
    [tenant, deployment, ids],
  );
  return new Map(rows.map((row) => [row.id, shownTraits(row)]));
}

/** What the update itself changes tells nothing of its failure. */
const IS_SOFTWARE = /^inventory\/(?:artifact_name|.*\.(?:version|checksum))$/;
const VALUE_MAX = 200;
const VALUES_MAX = 50;

/** What a device is like. What it was when it got the release counts more than what it is now. */
function shownTraits({ attributes, tags, group_name: group, ...row }: TraitsRow): Traits {
  const traits = new Map<string, string[]>();
  const add = (place: string, value: unknown): void => {
    const values = (Array.isArray(value) ? value.slice(0, VALUES_MAX) : [value]).map(String);
    traits.set(
      place,
      values.filter(({ length }) => length <= VALUE_MAX),
    );
  };
  for (const [scope, named] of Object.entries(attributes))
    for (const [name, value] of Object.entries(named ?? {}))
      if (!IS_SOFTWARE.test(`${scope}/${name}`)) add(`${scope}/${name}`, value);
  for (const [name, { value }] of Object.entries(tags)) add(`tags/${name}`, value);
  if (group !== null) add("system/group", group);
  if (row.device_type !== null) add("inventory/device_type", row.device_type);
  const release = row.from_artifact ?? attributes["inventory"]?.["artifact_name"];
  if (release !== undefined) add("inventory/artifact_name", release);
  return traits;
}

/** The most frequent cause of a deployment that a log or the server tells, with what its devices share. */
export async function findFrequentCause(
  session: Session,
  tenant: string,
  deployment: Deployment,
): Promise<FrequentCause | undefined> {
  const [first] = await listCauses(session, tenant, deployment.id, 1);
  // Without a log there is nothing to compare: it may still come.
  if (first === undefined || first.kind === "no_log" || first.kind === "other") return undefined;
  const samples = (await sampleDevices(session, tenant, deployment, [first.cause])).get(first.cause);
  const [factor] = samples === undefined ? [] : factorsOf(samples);
  return { kind: first.kind, signature: first.signature, devices: first.n, factor };
}
