import type { Selectable } from "kysely";
import { sql as fragment } from "kysely";
import { type Stretch, stretchOf, type Walk } from "../../domain/cursors/cursors.ts";
import { EVERYTHING } from "../../domain/permissions/grants.ts";
import { ServerError } from "../../errors/server-error.ts";
import { type ArtifactRow, nameMatches } from "./artifacts.ts";
import { isBehind, type Key, positionOf } from "./keyset.ts";
import { type Session, sql } from "./postgres.ts";
import { releaseInSight } from "./sight.ts";
import type { Tables } from "./tables.ts";
import { beginUpload } from "./uploads.ts";

export type ReleaseRow = Selectable<Tables["releases"]>;

export interface Release extends ReleaseRow {
  readonly artifacts: readonly ArtifactRow[];
}

export interface ReleaseFilter {
  /** Exact names, or beginnings that end in `*`. */
  readonly names: readonly string[];
  /** The release has all of them. */
  readonly tags: readonly string[];
  readonly updateType: string | undefined;
  readonly sort: readonly {
    readonly by: "name" | "modified" | "artifacts_count" | "tags";
    readonly direction: "asc" | "desc";
  }[];
}

const ORDER_OF = {
  name: fragment`name`,
  modified: fragment`modified_at`,
  tags: fragment`tags`,
  artifacts_count: fragment`(SELECT count(*) FROM artifacts a
    WHERE a.tenant_id = releases.tenant_id AND a.name = releases.name)`,
} as const;

/** A page of the releases that match, each with its artifacts, and how many match. */
export async function listReleases(
  session: Session,
  tenant: string,
  filter: ReleaseFilter,
  window: { readonly offset: number; readonly limit: number },
): Promise<{ readonly releases: Release[]; readonly total: number }> {
  const matching = matchingReleases(session, tenant, filter);
  let sorted = matching.selectAll();
  for (const { by, direction } of filter.sort) sorted = sorted.orderBy(ORDER_OF[by], direction);
  const rows = await session.rows(sorted.orderBy("name").offset(window.offset).limit(window.limit));
  const count = await session.first(matching.select(({ fn }) => fn.countAll<number>().as("n")));
  return { releases: await withArtifacts(session, tenant, rows), total: count?.n ?? 0 };
}

/** A cursor has the values of its position in it: of tags, it keeps the beginning. */
const KEY_OF = {
  name: { value: ORDER_OF.name, type: "text" },
  modified: { value: ORDER_OF.modified, type: "timestamptz" },
  tags: { value: fragment`left(array_to_string(tags, chr(1)), 128)`, type: "text" },
  artifacts_count: { value: ORDER_OF.artifacts_count, type: "bigint" },
} as const;

/** Releases after a position, in the order of `listReleases`; only tags count by their beginning, as one text. */
export async function walkReleases(
  session: Session,
  tenant: string,
  filter: ReleaseFilter,
  { after, limit }: Walk,
): Promise<Stretch<Release>> {
  const keys: Key[] = [
    ...filter.sort.map(({ by, direction }) => ({ ...KEY_OF[by], direction })),
    { ...KEY_OF.name, direction: "asc" },
  ];
  let sorted = matchingReleases(session, tenant, filter).selectAll().select(positionOf(keys).as("position"));
  if (after !== undefined) sorted = sorted.where(isBehind(keys, after));
  for (const { value, direction } of keys) sorted = sorted.orderBy(value, direction);
  const { rows, next } = stretchOf(await session.rows(sorted.limit(limit + 1)), limit, ({ position }) => position);
  return { rows: await withArtifacts(session, tenant, rows), next };
}

function matchingReleases(session: Session, tenant: string, { names, tags, updateType }: ReleaseFilter) {
  return sql
    .selectFrom("releases")
    .where("tenant_id", "=", tenant)
    .$if(session.sight.tags !== undefined, (query) => query.where(releaseInSight(session.sight.tags ?? [])))
    .$if(names.length > 0, (query) => query.where((expression) => expression.or(names.map(nameMatches))))
    .$if(tags.length > 0, (query) => query.where(fragment<boolean>`tags @> ${[...tags]}::text[]`))
    .$if(updateType !== undefined, (query) =>
      query.where(
        fragment<boolean>`EXISTS (SELECT FROM artifacts a WHERE a.tenant_id = releases.tenant_id
          AND a.name = releases.name AND a.updates @> ${JSON.stringify([{ type: updateType }])}::jsonb)`,
      ),
    );
}

async function withArtifacts(session: Session, tenant: string, rows: readonly ReleaseRow[]): Promise<Release[]> {
  if (rows.length === 0) return [];
  const artifacts = await session.rows(
    sql
      .selectFrom("artifacts")
      .selectAll()
      .where("tenant_id", "=", tenant)
      .where(
        "name",
        "in",
        rows.map(({ name }) => name),
      )
      .orderBy("created_at")
      .orderBy("id"),
  );
  return rows.map((row) => ({ ...row, artifacts: artifacts.filter(({ name }) => name === row.name) }));
}

/** @throws {ServerError} NOT_FOUND if there is none in sight */
export async function findRelease(session: Session, tenant: string, name: string): Promise<Release> {
  const row = await session.first(
    sql
      .selectFrom("releases")
      .selectAll()
      .where("tenant_id", "=", tenant)
      .where("name", "=", name)
      .$if(session.sight.tags !== undefined, (query) => query.where(releaseInSight(session.sight.tags ?? []))),
  );
  const [release] = await withArtifacts(session, tenant, row === undefined ? [] : [row]);
  if (release === undefined) throw new ServerError("NOT_FOUND", { release: name });
  return release;
}

const DISTINCT_TAGS_MAX = 100;

/** Who is limited to tags must not hand a release over to others, or take it from them. */
function requireTags(seen: readonly string[], before: readonly string[], after: readonly string[]): void {
  const changed = [...before.filter((tag) => !after.includes(tag)), ...after.filter((tag) => !before.includes(tag))];
  const foreign = changed.find((tag) => !seen.includes(tag));
  if (foreign !== undefined)
    throw new ServerError("FORBIDDEN", { tag: foreign, reason: "your role is limited to other tags of releases" });
}

/** @throws {ServerError} NOT_FOUND; FORBIDDEN for tags out of sight; CONFLICT if the tenant would have too many different tags */
export async function changeRelease(
  session: Session,
  tenant: string,
  name: string,
  change: { readonly tags: string[] } | { readonly notes: string },
): Promise<void> {
  const { tags: seen } = session.sight;
  if (seen !== undefined) {
    const present = await findRelease(session, tenant, name);
    if ("tags" in change) requireTags(seen, present.tags, change.tags);
  }
  const update = sql.updateTable("releases").set({ ...change, modified_at: new Date() });
  const changed = await session.run(update.where("tenant_id", "=", tenant).where("name", "=", name));
  if (changed === 0) throw new ServerError("NOT_FOUND", { release: name });
  if ("tags" in change && (await releaseTags({ ...session, sight: EVERYTHING }, tenant)).length > DISTINCT_TAGS_MAX)
    throw new ServerError("CONFLICT", { reason: `more than ${DISTINCT_TAGS_MAX} different tags` });
}

export async function releaseTags(session: Session, tenant: string): Promise<string[]> {
  const rows = await session.raw<{ tag: string }>(
    `SELECT DISTINCT unnest(tags) AS tag FROM releases
      WHERE tenant_id = $1 AND ($2::text[] IS NULL OR tags && $2) ORDER BY tag`,
    [tenant, session.sight.tags ?? null],
  );
  return rows.map(({ tag }) => tag);
}

export async function updateTypes(session: Session, tenant: string): Promise<string[]> {
  const rows = await session.raw<{ type: string }>(
    `SELECT DISTINCT u ->> 'type' AS type FROM artifacts a, jsonb_array_elements(updates) u
      WHERE tenant_id = $1 AND u ->> 'type' IS NOT NULL AND ($2::text[] IS NULL OR EXISTS (
        SELECT FROM releases r WHERE r.tenant_id = a.tenant_id AND r.name = a.name AND r.tags && $2)) ORDER BY type`,
    [tenant, session.sight.tags ?? null],
  );
  return rows.map(({ type }) => type);
}

/**
 * Removes artifacts, and releases that have none left. Their objects expire at once.
 *
 * @param ids of the release `name`; `undefined`: all of them
 * @throws {ServerError} CONFLICT with the ids of the running deployments that may need them
 */
export async function removeArtifacts(
  session: Session,
  tenant: string,
  name: string,
  ids?: readonly string[],
): Promise<readonly { readonly id: string; readonly object_key: string }[]> {
  // Locks the release, as the creation of a deployment does: a deployment must not begin without its artifacts.
  await session.raw("SELECT FROM releases WHERE tenant_id = $1 AND name = $2 FOR UPDATE", [tenant, name]);
  const running = await session.rows(
    sql
      .selectFrom("deployments")
      .select("id")
      .where("tenant_id", "=", tenant)
      .where("artifact_name", "=", name)
      .where("state", "in", ["pending", "inprogress"])
      .orderBy("seq"),
  );
  if (running.length > 0) {
    const body = { active_deployments: running.map(({ id }) => id) };
    throw new ServerError("CONFLICT", { release: name, reason: "a running deployment needs it" }, { body });
  }
  const removed = await session.rows(
    sql
      .deleteFrom("artifacts")
      .where("tenant_id", "=", tenant)
      .where("name", "=", name)
      .$if(ids !== undefined, (query) => query.where("id", "in", [...(ids ?? [])]))
      .returning(["id", "object_key"]),
  );
  for (const { id, object_key: key } of removed)
    await beginUpload(session, tenant, { id, key, kind: "delete", expiresAt: new Date() });
  await session.raw(
    `DELETE FROM releases r WHERE tenant_id = $1 AND name = $2
      AND NOT EXISTS (SELECT FROM artifacts a WHERE a.tenant_id = r.tenant_id AND a.name = r.name)`,
    [tenant, name],
  );
  return removed;
}
