import type { Predicate } from "../../domain/filters/predicate.ts";
import { isWithin } from "../../domain/filters/terms.ts";
import { ServerError } from "../../errors/server-error.ts";
import type { Session } from "./postgres.ts";

/** A dynamic group: the name of a predicate. */
export interface StoredFilter {
  readonly id: string;
  readonly name: string;
  /** As the API has them: see `parseTerms`. */
  readonly terms: readonly Record<string, unknown>[];
}

const FILTERS_MAX = 1000;

/** A page of the filters by their names, and how many there are. */
export async function listFilters(
  session: Session,
  tenant: string,
  { offset, limit, name }: { readonly offset: number; readonly limit: number; readonly name: string | undefined },
): Promise<{ readonly filters: readonly StoredFilter[]; readonly total: number }> {
  const rows = await session.raw<StoredFilter & { readonly total: number } & Record<string, unknown>>(
    `SELECT id, name, terms, count(*) OVER () AS total FROM filters
      WHERE tenant_id = $1 AND ($4::text IS NULL OR name = $4) ORDER BY name OFFSET $2 LIMIT $3`,
    [tenant, offset, limit, name ?? null],
  );
  return { filters: rows, total: rows[0]?.total ?? 0 };
}

/** @throws {ServerError} NOT_FOUND */
export async function findFilter(session: Session, tenant: string, id: string): Promise<StoredFilter> {
  const [filter] = await session.raw<StoredFilter & Record<string, unknown>>(
    "SELECT id, name, terms FROM filters WHERE tenant_id = $1 AND id = $2",
    [tenant, id],
  );
  if (filter === undefined) throw new ServerError("NOT_FOUND", { filter: id });
  return filter;
}

/** @throws {ServerError} CONFLICT if the name is taken; NOT_POSSIBLE if there are too many */
export async function addFilter(session: Session, tenant: string, { id, name, terms }: StoredFilter): Promise<void> {
  await lockFilters(session, tenant);
  await requireFreeName(session, tenant, id, name);
  const [row] = await session.raw<{ n: number }>("SELECT count(*) AS n FROM filters WHERE tenant_id = $1", [tenant]);
  if ((row?.n ?? 0) >= FILTERS_MAX)
    throw new ServerError("NOT_POSSIBLE", { reason: `more than ${FILTERS_MAX} filters` });
  await session.raw("INSERT INTO filters (tenant_id, id, name, terms) VALUES ($1, $2, $3, $4)", [
    ...[tenant, id, name, JSON.stringify(terms)],
  ]);
}

/**
 * Replaces the name and the terms of a filter that is there. Deployments keep the terms with which they were created.
 *
 * @throws {ServerError} CONFLICT if the name is taken
 */
export async function changeFilter(session: Session, tenant: string, { id, name, terms }: StoredFilter): Promise<void> {
  await lockFilters(session, tenant);
  await requireFreeName(session, tenant, id, name);
  await session.raw("UPDATE filters SET name = $3, terms = $4, updated_at = now() WHERE tenant_id = $1 AND id = $2", [
    ...[tenant, id, name, JSON.stringify(terms)],
  ]);
}

/** @throws {ServerError} CONFLICT while a continuous deployment is for it */
export async function removeFilter(session: Session, tenant: string, id: string): Promise<void> {
  const [used] = await session.raw<{ name: string }>(
    "SELECT name FROM continuous_deployments WHERE tenant_id = $1 AND filter_id = $2 LIMIT 1",
    [tenant, id],
  );
  if (used !== undefined)
    throw new ServerError("CONFLICT", { continuous: used.name, reason: "a continuous deployment is for it" });
  await session.raw("DELETE FROM filters WHERE tenant_id = $1 AND id = $2", [tenant, id]);
}

/**
 * Asks before a filter is made, changed or deployed to whether it can mean devices that the session does not see. It
 * cannot if its terms name groups in sight, whatever else they say.
 *
 * @throws {ServerError} FORBIDDEN
 */
export function requirePredicateInSight({ sight: { groups } }: Session, predicate: Predicate): void {
  if (groups === undefined || isWithin(predicate, groups)) return;
  throw new ServerError("FORBIDDEN", {
    reason: "your role is limited to groups of devices: the filter must have a condition on system/group with them",
  });
}

async function lockFilters(session: Session, tenant: string): Promise<void> {
  await session.raw("SELECT pg_advisory_xact_lock(hashtextextended($1, 5))", [tenant]);
}

async function requireFreeName(session: Session, tenant: string, id: string, name: string): Promise<void> {
  const taken = await session.raw("SELECT FROM filters WHERE tenant_id = $1 AND name = $2 AND id <> $3", [
    ...[tenant, name, id],
  ]);
  if (taken.length > 0) throw new ServerError("CONFLICT", { filter: name, reason: "the name is taken" });
}
