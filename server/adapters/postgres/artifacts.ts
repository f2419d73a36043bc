import type { Selectable } from "kysely";
import { sql as fragment } from "kysely";
import { type Stretch, stretchOf, type Walk } from "../../domain/cursors/cursors.ts";
import { type ArtifactFacts, type ArtifactHead, conflicts } from "../../domain/releases/artifact-facts.ts";
import { ServerError } from "../../errors/server-error.ts";
import { requireAcceptedInChannels } from "./channel-signatures.ts";
import { isBehind, type Key, positionOf } from "./keyset.ts";
import { type Postgres, type Session, sql } from "./postgres.ts";
import { artifactInSight, requireRelease } from "./sight.ts";
import { keepSignature, keyThatSigned } from "./signing-keys.ts";
import type { Tables } from "./tables.ts";

export type ArtifactRow = Selectable<Tables["artifacts"]>;

interface StoredArtifact {
  readonly id: string;
  readonly key: string;
  readonly sizeBytes: number;
  readonly sha256: string;
  readonly description: string;
  readonly facts: ArtifactFacts;
}

/**
 * Adds an artifact to its release, which it makes if it is the first. A release that somebody makes who is limited to
 * tags gets these tags: else they would not see what they have made.
 *
 * @throws {ServerError} CONFLICT; FORBIDDEN if the release is there, and out of sight; SIGNATURE_REFUSED if a channel has
 * the release, and does not accept the signature
 */
export async function addArtifact(session: Session, tenant: string, artifact: StoredArtifact): Promise<void> {
  const { facts } = artifact;
  // Locks the release: two uploads at once must not both pass the comparison.
  await session.run(
    sql
      .insertInto("releases")
      .values({ tenant_id: tenant, name: facts.name, tags: [...(session.sight.tags ?? [])] })
      .onConflict((conflict) => conflict.columns(["tenant_id", "name"]).doUpdateSet({ modified_at: new Date() })),
  );
  await findConflicts(session, tenant, facts);
  const signedBy = await keyThatSigned(session, tenant, facts.signature);
  await requireAcceptedInChannels(session, tenant, facts.name, { id: artifact.id, signed_by: signedBy });
  await session.run(
    sql.insertInto("artifacts").values({
      tenant_id: tenant,
      id: artifact.id,
      name: facts.name,
      description: artifact.description,
      object_key: artifact.key,
      size: artifact.sizeBytes,
      sha256: artifact.sha256,
      format_version: facts.formatVersion,
      signed: facts.signed,
      signed_by: signedBy,
      device_types: [...facts.deviceTypes],
      depends: JSON.stringify(facts.depends),
      provides: JSON.stringify(facts.provides),
      clears_provides: [...facts.clearsProvides],
      updates: JSON.stringify(facts.updates),
      scripts: [...facts.scripts],
    }),
  );
  if (facts.signature !== undefined) await keepSignature(session, tenant, artifact.id, facts.signature);
}

/** @throws {ServerError} FORBIDDEN if the release is out of sight; CONFLICT if an artifact of the same name is for the same devices */
export async function findConflicts(session: Session, tenant: string, head: ArtifactHead): Promise<void> {
  await requireRelease(session, tenant, head.name);
  const others = await session.rows(
    sql
      .selectFrom("artifacts")
      .select(["id", "device_types", "depends"])
      .where("tenant_id", "=", tenant)
      .where("name", "=", head.name),
  );
  const found = others.filter(({ device_types: deviceTypes, depends }) => conflicts(head, { deviceTypes, depends }));
  if (found.length === 0) return;
  const metadata = {
    conflicts: found.map(({ id, device_types: deviceTypes, depends }) => ({
      ...{ artifact_id: id, name: head.name },
      artifact_depends: { device_type: deviceTypes, ...depends },
    })),
  };
  const detail = { name: head.name, reason: "an artifact of this name is for the same devices" };
  throw new ServerError("CONFLICT", detail, { body: { metadata } });
}

export interface ArtifactFilter {
  /** Exact names, or beginnings that end in `*`. */
  readonly names: readonly string[];
  readonly description: string | undefined;
  readonly deviceType: string | undefined;
  readonly sort: readonly { readonly by: "name" | "modified" | "size"; readonly direction: "asc" | "desc" }[];
}

const COLUMN_OF = { name: "name", modified: "modified_at", size: "size" } as const;

/** A page of the artifacts that match, and how many match. */
export async function listArtifacts(
  session: Session,
  tenant: string,
  filter: ArtifactFilter,
  window: { readonly offset: number; readonly limit: number },
): Promise<{ readonly rows: ArtifactRow[]; readonly total: number }> {
  const matching = matchingArtifacts(session, tenant, filter);
  let sorted = matching.selectAll();
  for (const { by, direction } of filter.sort) sorted = sorted.orderBy(COLUMN_OF[by], direction);
  const rows = await session.rows(sorted.orderBy("id").offset(window.offset).limit(window.limit));
  const count = await session.first(matching.select(({ fn }) => fn.countAll<number>().as("n")));
  return { rows, total: count?.n ?? 0 };
}

const TYPE_OF = { name: "text", modified: "timestamptz", size: "bigint" } as const;

/** Artifacts after a position, in the order of `listArtifacts`. */
export async function walkArtifacts(
  session: Session,
  tenant: string,
  filter: ArtifactFilter,
  { after, limit }: Walk,
): Promise<Stretch<ArtifactRow>> {
  const keys: Key[] = [
    ...filter.sort.map(({ by, direction }) => ({
      ...{ value: fragment.ref(COLUMN_OF[by]), type: TYPE_OF[by], direction },
    })),
    { value: fragment.ref("id"), type: "uuid", direction: "asc" },
  ];
  let sorted = matchingArtifacts(session, tenant, filter).selectAll().select(positionOf(keys).as("position"));
  if (after !== undefined) sorted = sorted.where(isBehind(keys, after));
  for (const { value, direction } of keys) sorted = sorted.orderBy(value, direction);
  return stretchOf(await session.rows(sorted.limit(limit + 1)), limit, ({ position }) => position);
}

function matchingArtifacts(session: Session, tenant: string, { names, description, deviceType }: ArtifactFilter) {
  return sql
    .selectFrom("artifacts")
    .where("tenant_id", "=", tenant)
    .$if(session.sight.tags !== undefined, (query) => query.where(artifactInSight(session.sight.tags ?? [])))
    .$if(names.length > 0, (query) => query.where((expression) => expression.or(names.map(nameMatches))))
    .$if(description !== undefined, (query) => query.where(contains("description", description ?? "")))
    .$if(deviceType !== undefined, (query) => query.where(fragment<boolean>`${deviceType} = any(device_types)`));
}

/** Compares without patterns: nothing in `text` is special. */
export const contains = (column: string, text: string) =>
  fragment<boolean>`position(lower(${text}) in lower(${fragment.ref(column)})) > 0`;

export const nameMatches = (name: string) =>
  name.endsWith("*") ? fragment<boolean>`starts_with(name, ${name.slice(0, -1)})` : fragment<boolean>`name = ${name}`;

export function findArtifact(session: Session, tenant: string, id: string): Promise<ArtifactRow | undefined> {
  return session.first(
    sql
      .selectFrom("artifacts")
      .selectAll()
      .where("tenant_id", "=", tenant)
      .where("id", "=", id)
      .$if(session.sight.tags !== undefined, (query) => query.where(artifactInSight(session.sight.tags ?? []))),
  );
}

/** @returns false if there is no such artifact in sight */
export async function describeArtifact(session: Session, tenant: string, id: string, text: string): Promise<boolean> {
  if ((await findArtifact(session, tenant, id)) === undefined) return false;
  const changed = sql.updateTable("artifacts").set({ description: text, modified_at: new Date() });
  return (await session.run(changed.where("tenant_id", "=", tenant).where("id", "=", id))) > 0;
}

/** All bytes of a tenant's artifacts. */
export async function storedBytes(session: Session, tenant: string): Promise<number> {
  const [row] = await session.raw<{ n: string }>(
    "SELECT coalesce(sum(size), 0)::bigint AS n FROM artifacts WHERE tenant_id = $1",
    [tenant],
  );
  return Number(row?.n ?? 0);
}

interface ObjectRow {
  readonly object_key: string;
  readonly size: number;
  readonly sha256: string;
  readonly name: string;
}

/** What a download needs to know. */
export async function findObject(postgres: Postgres, tenant: string, id: string): Promise<ObjectRow | undefined> {
  return (await postgres.prepared<ObjectRow & { tenant_id: string }>(tenant, FIND_OBJECT, [tenant, id]))[0];
}

const FIND_OBJECT = {
  name: "find-object",
  text: "SELECT object_key, size, sha256, name FROM artifacts WHERE tenant_id = $1 AND id = $2",
};
