import type { Plan } from "../../../src/protocol/api/rollouts.ts";
import type { CauseKind } from "../../domain/failures/cause.ts";
import type { Reopening } from "../../domain/rollout/come-back.ts";
import type { Counts } from "../../domain/rollout/counts.ts";
import { asksForHealth } from "../../domain/rollout/gates.ts";
import { asksWhoIsHeard, wavesAsRead } from "../../domain/rollout/halt.ts";
import type { Decision, Memory } from "../../domain/rollout/memory.ts";
import { recentOf, type Samples } from "../../domain/rollout/recent.ts";
import { tallyOf } from "../../domain/rollout/state.ts";
import { writeEvent } from "./events.ts";
import { LEFT_OUT_WAVE } from "./leave-out.ts";
import type { Session } from "./postgres.ts";
import { countHeard, countWell } from "./rollout-health.ts";
import type { DeploymentState } from "./tables.ts";

/** A rollout as the database has it. */
export interface StoredRollout {
  readonly deployment: string;
  readonly plan: Plan;
  readonly memory: Memory;
  readonly samples: Samples;
  /** Counts the decisions. */
  readonly rev: number;
  readonly state: DeploymentState;
  /** The time of the database, in milliseconds since 1970. */
  readonly now: number;
}

/** Who acted, for the decisions. `undefined`: the plan. */
export type By = { readonly id: string; readonly email: string } | undefined;

export async function insertRollout(
  session: Session,
  tenant: string,
  deployment: string,
  { plan, memory, samples }: Pick<StoredRollout, "plan" | "memory" | "samples">,
): Promise<void> {
  await session.raw(
    `INSERT INTO rollouts (tenant_id, deployment_id, plan, memory, samples) VALUES ($1, $2, $3, $4, $5)`,
    [tenant, deployment, JSON.stringify(plan), JSON.stringify(memory), JSON.stringify(samples)],
  );
  await session.raw("INSERT INTO rollout_clocks (tenant_id, deployment_id) VALUES ($1, $2)", [tenant, deployment]);
}

/**
 * Locks a rollout until the transaction ends: no other process moves it, and none of its devices begins, ends or leaves
 * meanwhile, so that all its counters agree.
 *
 * @param waits `false`: gives up if another process has it
 * @returns whether it is locked. A rollout that has ended cannot be.
 */
export async function lockRollout(
  session: Session,
  tenant: string,
  deployment: string,
  waits: boolean,
): Promise<boolean> {
  const locked = await session.raw(
    `SELECT FROM rollout_clocks WHERE tenant_id = $1 AND deployment_id = $2 FOR UPDATE ${waits ? "" : "SKIP LOCKED"}`,
    [tenant, deployment],
  );
  if (locked.length === 0) return false;
  await session.raw("SELECT pg_advisory_xact_lock(hashtextextended($1, 3))", [deployment]);
  return true;
}

export async function readRollout(
  session: Session,
  tenant: string,
  deployment: string,
): Promise<StoredRollout | undefined> {
  const [row] = await session.raw<StoredRollout & Record<string, unknown>>(
    `SELECT r.deployment_id AS deployment, plan, memory, samples, rev, d.state,
        floor(extract(epoch FROM clock_timestamp()) * 1000)::float8 AS now
      FROM rollouts r JOIN deployments d ON d.tenant_id = r.tenant_id AND d.id = r.deployment_id
      WHERE r.tenant_id = $1 AND r.deployment_id = $2`,
    [tenant, deployment],
  );
  return row;
}

/**
 * What the reducer needs to know of the devices: sums of counters, the number of those that are overdue, and how the
 * updated ones are if the gate needs nothing else, or the halt rule asks for it.
 */
export async function readRolloutCounts(session: Session, tenant: string, stored: StoredRollout): Promise<Counts> {
  const { deployment, plan, memory } = stored;
  const counts = await readCounters(session, tenant, stored);
  const wave = memory.waves.length - 1;
  const gate = plan.waves[wave]?.gate?.health;
  const halt = plan.halt?.health;
  const isAsked = gate !== undefined && asksForHealth(plan, memory, counts);
  const isHeard = halt !== undefined && asksWhoIsHeard(plan, memory, counts);
  return {
    ...counts,
    ...(isAsked && { health: await countWell(session, tenant, deployment, wave, gate) }),
    ...(isHeard && { heard: await countHeard(session, tenant, deployment, wave, halt) }),
  };
}

async function readCounters(
  session: Session,
  tenant: string,
  { deployment, plan, memory, samples, now }: StoredRollout,
): Promise<Counts> {
  const names = plan.waves.flatMap(({ group }) => (group === undefined ? [] : [group]));
  const [row] = await session.raw<CountsRow>(
    `SELECT device_count AS devices, target->>'group' AS target_group,
        (SELECT coalesce(json_agg(json_build_array(wave, status, n)), '[]') FROM (
          SELECT wave, status, sum(n) AS n FROM deployment_counts
          WHERE tenant_id = $1 AND deployment_id = $2 GROUP BY wave, status) AS x) AS counts,
        (SELECT coalesce(json_agg(json_build_array(kind, signature, wave, n)), '[]') FROM (
          SELECT kind, signature, wave, sum(n) AS n FROM failure_counts f JOIN failure_causes USING (tenant_id, deployment_id, cause)
          WHERE f.tenant_id = $1 AND f.deployment_id = $2 GROUP BY kind, signature, wave HAVING sum(n) > 0) AS x) AS causes,
        (SELECT coalesce(json_object_agg(what, n), '{}') FROM (
          SELECT what, sum(n) AS n FROM device_counts WHERE tenant_id = $1 AND what = ANY ($3) GROUP BY what) AS x) AS groups
      FROM deployments WHERE tenant_id = $1 AND id = $2`,
    [tenant, deployment, names.map((name) => `group:${name}`)],
  );
  const { target_group: target = null, counts = [], causes = [], groups = {} } = row ?? {};
  const sumOf = (isMeant: (wave: number) => boolean): number =>
    counts.reduce((sum, [wave, , n]) => sum + (isMeant(wave) ? n : 0), 0);
  const leftOut = sumOf((wave) => wave === LEFT_OUT_WAVE);
  const devices = (row?.devices ?? 0) - leftOut;
  const waves = memory.waves.map((_, index) =>
    tallyOf(new Map(counts.filter(([wave]) => wave === index).map(([, status, n]) => [status, n]))),
  );
  // A rollout to a group has no devices of other groups.
  const sizeOf = (name: string): number =>
    target === null || target === name
      ? Math.min(devices, Math.max(0, (groups[`group:${name}`] ?? 0) - (memory.leftOut?.[name] ?? 0)))
      : 0;
  const tallies = causeTallies(causes, waves.length);
  return {
    devices,
    leftOut,
    waves,
    outside: sumOf((wave) => wave < 0 && wave !== LEFT_OUT_WAVE),
    causes: tallies,
    recent: recentOf(plan, samples, wavesAsRead(plan, { waves, causes: tallies }), now),
    overdue: plan.halt?.overdue_after_s === undefined ? 0 : await countOverdue(session, tenant, deployment, plan),
    groups: Object.fromEntries(names.map((name) => [name, sizeOf(name)])),
  };
}

interface CountsRow extends Record<string, unknown> {
  readonly devices: number;
  readonly target_group: string | null;
  readonly counts: readonly (readonly [wave: number, status: string, n: number])[];
  readonly causes: readonly (readonly [kind: CauseKind, signature: string, wave: number, n: number])[];
  readonly groups: Readonly<Record<string, number>>;
}

function causeTallies(rows: CountsRow["causes"], length: number): Counts["causes"] {
  const tallies = new Map<string, { kind: CauseKind; signature: string; waves: number[] }>();
  for (const [kind, signature, wave, n] of rows) {
    const key = `${kind} ${signature}`;
    const tally = tallies.get(key) ?? { kind, signature, waves: Array.from({ length }, () => 0) };
    if (wave in tally.waves) tally.waves[wave] = n;
    tallies.set(key, tally);
  }
  return [...tallies.values()];
}

/** No rollout goes on with so many, so more need not be counted. */
const OVERDUE_MAX = 10_000;

async function countOverdue(session: Session, tenant: string, deployment: string, { halt }: Plan): Promise<number> {
  const [row] = await session.raw<{ n: number }>(
    `SELECT count(*) AS n FROM (SELECT FROM device_deployments
      WHERE tenant_id = $1 AND deployment_id = $2 AND finished_at IS NULL AND wave >= 0
        AND started_at < clock_timestamp() - make_interval(secs => $3) LIMIT ${OVERDUE_MAX}) AS x`,
    [tenant, deployment, halt?.overdue_after_s],
  );
  return row?.n ?? 0;
}

/** When the next device that is under way becomes overdue, in milliseconds since 1970. */
export async function overdueAt(
  session: Session,
  tenant: string,
  deployment: string,
  { halt }: Plan,
): Promise<number | undefined> {
  if (halt?.overdue_after_s === undefined) return undefined;
  const [row] = await session.raw<{ at: number | null }>(
    `SELECT floor(extract(epoch FROM min(started_at)) * 1000)::float8 AS at FROM device_deployments
      WHERE tenant_id = $1 AND deployment_id = $2 AND finished_at IS NULL AND wave >= 0
        AND started_at >= clock_timestamp() - make_interval(secs => $3)`,
    [tenant, deployment, halt.overdue_after_s],
  );
  return row?.at == null ? undefined : row.at + halt.overdue_after_s * 1000 + 1;
}

/**
 * What the counters of a rollout are, in a few letters: others if any of them has changed. Logs change causes later than
 * statuses do, which matters if the halt rule is about one.
 */
const SEEN = `(SELECT d.state || ' ' || coalesce(sum(n * hashtext(status || ' ' || wave)::bigint), 0)
    FROM deployment_counts c WHERE c.tenant_id = d.tenant_id AND c.deployment_id = d.id)
  || CASE WHEN r.plan #> '{halt,cause}' IS NULL THEN '' ELSE (
    SELECT ' ' || coalesce(sum(n * hashtext(cause || ' ' || wave)::bigint), 0)
    FROM failure_counts f WHERE f.tenant_id = d.tenant_id AND f.deployment_id = d.id) END`;

export interface RolloutChange {
  readonly memory: Memory;
  readonly samples: Samples;
  readonly below: number;
  readonly groups: readonly string[];
  readonly closed: string | undefined;
  readonly reopens: Reopening | undefined;
  readonly decisions: readonly { readonly decision: Decision; readonly by: By }[];
  /** In milliseconds since 1970. `undefined`: only counters and people move it. */
  readonly wakeAt: number | undefined;
}

/** Writes what a look at a rollout has changed. A rollout that has ended has no clock any more. */
export async function writeRollout(
  session: Session,
  tenant: string,
  { deployment, rev }: StoredRollout,
  change: RolloutChange,
): Promise<void> {
  const { memory, decisions } = change;
  await session.raw(
    `UPDATE rollouts r SET memory = $3, samples = $4, door_below = $5, door_groups = $6, closed = $7, ended = $8,
        rev = rev + $9, reopens = $10, seen = ${SEEN}
      FROM deployments d WHERE r.tenant_id = $1 AND r.deployment_id = $2 AND d.tenant_id = $1 AND d.id = $2`,
    [
      ...[tenant, deployment, JSON.stringify(memory), JSON.stringify(change.samples), change.below, change.groups],
      ...[change.closed ?? null, memory.ended?.why ?? null, decisions.length],
      change.reopens === undefined ? null : JSON.stringify(change.reopens),
    ],
  );
  for (const [index, { decision, by }] of decisions.entries())
    await session.raw(
      `INSERT INTO rollout_decisions (tenant_id, deployment_id, seq, at, code, facts, by)
        VALUES ($1, $2, $3, to_timestamp($4 / 1000.0), $5, $6, $7)`,
      [
        ...[tenant, deployment, rev + index + 1, memory.at, decision.code, JSON.stringify(decision.facts)],
        by === undefined ? null : JSON.stringify(by),
      ],
    );
  for (const { decision, by } of decisions)
    await writeEvent(session, tenant, {
      type: "rollout-decided",
      data: { id: deployment, ...decision, ...(by !== undefined && { by }) },
    });
  if (memory.ended === undefined)
    await session.raw(
      `UPDATE rollout_clocks SET wake_at = coalesce(to_timestamp($3 / 1000.0), 'infinity')
        WHERE tenant_id = $1 AND deployment_id = $2`,
      [tenant, deployment, change.wakeAt ?? null],
    );
  else
    await session.raw("DELETE FROM rollout_clocks WHERE tenant_id = $1 AND deployment_id = $2", [tenant, deployment]);
}

/** The rollouts that have not ended, by tenant, with whether their time has come. */
export async function listClocks(session: Session): Promise<ReadonlyMap<string, readonly Clock[]>> {
  const rows = await session.raw<{ tenant: string; deployment: string; is_due: boolean }>(
    `SELECT tenant_id AS tenant, deployment_id AS deployment, wake_at <= now() AS is_due FROM rollout_clocks
      ORDER BY tenant_id, wake_at`,
  );
  const tenants = new Map<string, Clock[]>();
  for (const { tenant, deployment, is_due: isDue } of rows)
    tenants.set(tenant, [...(tenants.get(tenant) ?? []), { deployment, isDue }]);
  return tenants;
}

interface Clock {
  readonly deployment: string;
  readonly isDue: boolean;
}

/** Which of the rollouts have counters that the reducer has not seen. */
export const UNSEEN = {
  name: "unseen-rollouts",
  text: `SELECT r.deployment_id AS deployment
    FROM rollouts r JOIN deployments d ON d.tenant_id = r.tenant_id AND d.id = r.deployment_id
    WHERE r.tenant_id = $1 AND r.deployment_id = ANY ($2::uuid[]) AND r.seen <> (${SEEN})`,
};
