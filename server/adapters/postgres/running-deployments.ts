import type { DownloadRates as RateLimits } from "../../../src/protocol/api/rollouts.ts";
import type { DownloadLimits, DownloadRates } from "../../domain/downloads/budgets.ts";
import { isTimed, parseTerms } from "../../domain/filters/terms.ts";
import { RecentlyUsed } from "../../domain/recently-used.ts";
import type { Gate, RunningDeployment } from "../../domain/selection/facts.ts";
import { loadDownloadLimits } from "./download-budgets.ts";
import { finishDeployments } from "./end-deployments.ts";
import type { Notices } from "./notifications.ts";
import type { Postgres } from "./postgres.ts";
import type { Target } from "./tables.ts";

/** A running deployment with what its answers need. */
export interface Running extends RunningDeployment {
  readonly controlMap: Readonly<Record<string, unknown>> | undefined;
  /** The devices of a list. `undefined`: not a list, or too long to be kept. */
  readonly listed: ReadonlySet<string> | undefined;
  readonly priority: number;
  /** Whether it may reach a device after some time, although nothing has changed that the process would hear of. */
  readonly isTimed: boolean;
}

/** The running deployments of a tenant. */
export interface RunningSet {
  /** Another one if anything has changed that a selection depends on. */
  readonly version: number;
  readonly deployments: readonly Running[];
  /** The limits of the tenant for all of them together. */
  readonly limits: DownloadLimits;
  /** The time of the database, in milliseconds since 1970, when `performance.now()` was 0. */
  readonly epochMs: number;
}

export interface RunningDeployments {
  /** From memory, if that is certain. */
  known(tenant: string): RunningSet | undefined;
  /** From memory, if notices arrive and none has said that it changed; else from the database. */
  of(tenant: string): Promise<RunningSet>;
  /** Looks at the tenants whose devices ask, in case that a notice was lost. To be called each second. */
  look(): Promise<void>;
}

const TENANTS_MAX = 10_000;
/** A longer list stays in the database. */
const LISTED_MAX = 10_000;
/** At each look. */
const TENANTS_A_LOOK = 20;
const ASKED_LATELY_MS = 60_000;

interface Known {
  /** Counts what was heard about the tenant: a set is good if it was loaded after the last time. */
  heard: number;
  askedAt: number;
  lookedAt: number;
  loaded: { readonly heard: number; readonly text: string; readonly set: RunningSet } | undefined;
  loading: { readonly heard: number; readonly set: Promise<RunningSet> } | undefined;
}

/** Keeps the running deployments of each tenant in memory. */
export function keepRunningDeployments(postgres: Postgres, notices: Notices): RunningDeployments {
  const tenants = new RecentlyUsed<string, Known>(TENANTS_MAX);
  let versions = 0;
  notices.subscribe((notice) => {
    if (notice === undefined) tenants.clear();
    else if (CONCERNING.has(notice.what)) {
      const known = tenants.get(notice.tenant);
      if (known !== undefined) known.heard += 1;
    }
  });

  function knownOf(tenant: string): Known {
    const there = tenants.get(tenant);
    if (there !== undefined) return there;
    const known = { heard: 0, askedAt: 0, lookedAt: 0, loaded: undefined, loading: undefined };
    tenants.set(tenant, known);
    return known;
  }

  async function load(tenant: string, known: Known): Promise<RunningSet> {
    const { heard } = known;
    const rows = await postgres.prepared<RunningRow>(tenant, LOAD, [tenant, LISTED_MAX]);
    const { limits, now } = await loadDownloadLimits(postgres, tenant);
    const epochMs = now - performance.now();
    const text = JSON.stringify([rows, limits]);
    known.lookedAt = performance.now();
    if (known.loaded?.text !== text) {
      versions += 1;
      const deployments = rows.map(shown).toSorted(byPriority);
      known.loaded = { heard, text, set: { version: versions, deployments, limits, epochMs } };
    } else known.loaded = { heard, text, set: { ...known.loaded.set, epochMs } };
    return known.loaded.set;
  }

  function loadOnce(tenant: string, known: Known): Promise<RunningSet> {
    const { heard } = known;
    if (known.loading?.heard === heard) return known.loading.set;
    const set = load(tenant, known).finally(() => {
      if (known.loading?.set === set) known.loading = undefined;
    });
    known.loading = { heard, set };
    return set;
  }

  function inMemory(known: Known): RunningSet | undefined {
    known.askedAt = performance.now();
    return known.loaded?.heard === known.heard && notices.arrive() ? known.loaded.set : undefined;
  }

  return {
    known(tenant) {
      const known = tenants.get(tenant);
      return known && inMemory(known);
    },
    async of(tenant) {
      const known = knownOf(tenant);
      return inMemory(known) ?? loadOnce(tenant, known);
    },
    async look() {
      const now = performance.now();
      const due = tenants
        .entries()
        .filter(([, { askedAt }]) => now - askedAt < ASKED_LATELY_MS)
        .toSorted(([, a], [, b]) => a.lookedAt - b.lookedAt)
        .slice(0, TENANTS_A_LOOK);
      for (const [tenant, known] of due) {
        const { deployments } = await loadOnce(tenant, known);
        if (deployments.length > 0) await finishDeployments(postgres, tenant);
      }
    },
  };
}

const CONCERNING: ReadonlySet<string> = new Set(["deployment", "deployments", "release", "releases"]);

interface RunningRow {
  readonly id: string;
  readonly seq: number;
  readonly artifact_name: string;
  readonly target: Target;
  readonly force_installation: boolean;
  readonly update_control_map: Record<string, unknown> | null;
  readonly created: number;
  readonly listed: string[] | null;
  readonly artifacts: Running["artifacts"];
  readonly rollout: RolloutRow | null;
}

interface RolloutRow {
  readonly rev: number;
  readonly below: number;
  readonly groups: readonly string[];
  readonly closed: Gate["closed"] | null;
  readonly reopens: Gate["reopens"] | null;
  readonly downloads: RateLimits | null;
  readonly priority: number;
}

const LOAD = {
  name: "load-running",
  text: `SELECT id, seq, artifact_name, target, force_installation, update_control_map,
      extract(epoch FROM created_at)::float8 AS created,
      CASE WHEN target->>'kind' = 'list' THEN ARRAY(
        SELECT device_id FROM deployment_targets t WHERE t.tenant_id = d.tenant_id AND t.deployment_id = d.id
        ORDER BY device_id LIMIT $2 + 1) END AS listed,
      (SELECT coalesce(json_agg(json_build_object('id', id, 'deviceTypes', device_types, 'depends', depends,
          'size', size, 'createdAt', extract(epoch FROM created_at)) ORDER BY id), '[]')
        FROM artifacts a WHERE a.tenant_id = d.tenant_id AND a.name = d.artifact_name) AS artifacts,
      CASE WHEN is_rollout THEN (
        SELECT json_build_object('rev', rev, 'below', door_below, 'groups', door_groups, 'closed', closed,
          'reopens', reopens, 'downloads', plan->'downloads', 'priority', (plan->>'priority')::int)
        FROM rollouts r WHERE r.tenant_id = d.tenant_id AND r.deployment_id = d.id) END AS rollout
    FROM deployments d
    WHERE tenant_id = $1 AND state IN ('pending', 'inprogress') AND kind = 'software' ORDER BY seq`,
};

function targetOf(target: Target): Running["target"] {
  return target.kind === "filter" ? { kind: "filter", predicate: parseTerms(target.filter.terms) } : target;
}

const shown = (row: RunningRow): Running => ({
  id: row.id,
  seq: row.seq,
  artifactName: row.artifact_name,
  target: targetOf(row.target),
  isTimed: row.target.kind === "filter" && isTimed(parseTerms(row.target.filter.terms)),
  createdAt: row.created,
  forceInstallation: row.force_installation,
  controlMap: row.update_control_map ?? undefined,
  listed: row.listed === null || row.listed.length > LISTED_MAX ? undefined : new Set(row.listed),
  artifacts: row.artifacts,
  priority: row.rollout?.priority ?? 0,
  downloads: row.rollout?.downloads == null ? undefined : ratesOf(row.rollout.downloads),
  gate:
    row.rollout === null
      ? undefined
      : {
          closed: row.rollout.closed ?? undefined,
          reopens: row.rollout.reopens ?? undefined,
          below: row.rollout.below,
          groups: new Set(row.rollout.groups),
        },
});

const ratesOf = ({ bytes_per_second: all, site_bytes_per_second: each }: RateLimits): DownloadRates => ({
  bytesPerSecond: all,
  siteBytesPerSecond: each,
});

/** In the order in which devices take them: the rows are in that of their sequence numbers. */
const byPriority = (a: Running, b: Running): number => b.priority - a.priority;
