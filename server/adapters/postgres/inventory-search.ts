import type { Place, Predicate } from "../../domain/filters/predicate.ts";
import { ServerError } from "../../errors/server-error.ts";
import { readCounter } from "./device-counts.ts";
import {
  compilePredicate,
  type Expected,
  numberIn,
  type Parameters,
  sortColumn,
  startParameters,
  valueAt,
} from "./filter-sql.ts";
import type { Session } from "./postgres.ts";
import type { Attributes, DeviceStatus } from "./tables.ts";

export interface InventoryRow {
  readonly device_id: string;
  readonly status: DeviceStatus;
  readonly attributes: Attributes;
  readonly group_name: string | null;
  readonly tags: Readonly<Record<string, { readonly value: string; readonly description?: string }>>;
  readonly tags_rev: number;
  readonly created_at: Date;
  readonly updated_at: Date;
  readonly check_in_at: Date | null;
}

export interface Search {
  readonly predicate: Predicate;
  readonly devices?: readonly string[] | undefined;
  readonly text?: string | undefined;
  readonly sort?: readonly (Place & { readonly order: "asc" | "desc" })[];
}

/** A search for somebody who sees only some groups. */
export interface SearchInSight extends Search {
  readonly groups?: readonly string[] | undefined;
}

interface Window {
  readonly offset: number;
  readonly limit: number;
}

/** A page, and how many devices the whole search finds. */
export interface Found {
  readonly rows: readonly InventoryRow[];
  readonly total: number;
}

/**
 * The tables of a row that is shown. Devices are joined by the id alone: their policy keeps tenants apart, and with one
 * more condition on the tenant the planner would not use the index of the attributes. See the end of 0001-base.sql.
 */
export const SHOWN = `inventory i JOIN devices d ON d.id = i.device_id LEFT JOIN device_state c ON c.device_id = i.device_id`;
export const COLUMNS = `i.device_id, i.status, i.attributes, i.group_name, i.tags, i.tags_rev, i.created_at, i.updated_at,
    c.check_in_at`;

/** How long a search may take. Its conditions are not ours, so it must not keep a connection for as long as others. */
const SEARCH_MAX = "5s";
/** Up to here a count is exact. */
export const COUNTED_MAX = 10_000;

/** A page of the devices that a search finds. */
export function searchInventory(
  session: Session,
  tenant: string,
  search: Search,
  page: Window,
): Promise<InventoryRow[]> {
  return inTime(session, () => pageOf(session, tenant, search, page));
}

/** A page, and the number of all: exact for a few thousand, else estimated from a sample. */
export function searchAndCount(session: Session, tenant: string, search: Search, page: Window): Promise<Found> {
  return inTime(session, async () => {
    const parameters = startParameters([tenant]);
    const text = countedStatement({ ...search, groups: session.sight.groups }, page, parameters);
    const found = await session.raw<CountedRow>(text, parameters.values);
    const total = found[0]?.total ?? 0;
    if (total <= COUNTED_MAX) return { rows: found.filter((row): row is Counted => row.device_id !== null), total };
    const believed = await estimate(session, tenant, search);
    return { rows: await pageOf(session, tenant, search, page, "many"), total: Math.max(total, believed) };
  });
}

type Counted = InventoryRow & { readonly total: number } & Record<string, unknown>;
/** Of a page without devices there is one row, with the number of all. */
type CountedRow = Counted | ({ readonly device_id: null; readonly total: number } & Record<string, unknown>);

/**
 * The statement of a search that counts what it finds. It looks at each found device once, in the inventory alone, and
 * joins the other tables for the devices of the page: a search that finds 2,000 devices takes a tenth of the time. The
 * first parameter is the tenant.
 */
export function countedStatement(search: SearchInSight, { offset, limit }: Window, parameters: Parameters): string {
  const where = whereOf(search, parameters);
  const keys = sortKeys(search, parameters).map(({ key, order }, n) => ({ key, name: `k${n}`, order }));
  const found = ["i.device_id", ...keys.map(({ key, name }) => `${key} AS ${name}`)].join(", ");
  const order = [...keys.map((key) => `${key.name} ${key.order}`), "device_id"].join(", ");
  const shown = [...keys.map(({ name }) => `p.${name}`), COLUMNS].join(", ");
  return `WITH found AS MATERIALIZED (SELECT ${found} FROM inventory i
      ${needsState(`${where} ${found}`) ? STATE : ""} WHERE ${where}
      LIMIT ${COUNTED_MAX + 1}),
    page AS MATERIALIZED (SELECT * FROM found ORDER BY ${order}
      OFFSET ${parameters.add(offset, "bigint")} LIMIT ${parameters.add(limit, "bigint")})
    SELECT total, shown.* FROM (SELECT count(*) AS total FROM found) AS counted LEFT JOIN (
      SELECT ${shown} FROM page p JOIN (${SHOWN}) ON i.device_id = p.device_id AND i.tenant_id = $1) AS shown ON true
    ORDER BY ${order}`;
}

async function pageOf(
  session: Session,
  tenant: string,
  search: Search,
  { offset, limit }: Window,
  expected?: Expected,
): Promise<InventoryRow[]> {
  const parameters = startParameters([tenant]);
  const keys = sortKeys(search, parameters).map(({ key, order }) => `${key} ${order}`);
  const where = whereOf({ ...search, groups: session.sight.groups }, parameters, expected);
  return session.raw<InventoryRow & Record<string, unknown>>(
    `SELECT ${COLUMNS} FROM ${SHOWN} WHERE ${where} ORDER BY ${[...keys, "i.device_id"].join(", ")}
      OFFSET ${parameters.add(offset, "bigint")} LIMIT ${parameters.add(limit, "bigint")}`,
    parameters.values,
  );
}

/** A search that looks at the state of devices joins it. */
export const STATE = "LEFT JOIN device_state c ON c.device_id = i.device_id";
export const needsState = (text: string): boolean => /\bc\.(?:check_in_at|artifact_name)/.test(text);

/** About as many rows has the sample of an estimate: a share of a quarter is then off by 1 % at most, mostly. */
const SAMPLED = 50_000;

/** How many devices a search finds, by the share of those that it finds in a sample of the inventory's pages. */
export async function estimate(
  session: Session,
  tenant: string,
  search: Search,
  sampled: number = SAMPLED,
): Promise<number> {
  const [size] = await session.raw<{ percent: number }>(
    `SELECT least(100, ${sampled} * 100.0 / greatest(1, reltuples))::float8 AS percent FROM pg_class
      WHERE oid = 'inventory'::regclass`,
  );
  const parameters = startParameters([tenant]);
  const where = whereOf({ ...search, groups: session.sight.groups }, parameters);
  const [row] = await session.raw<{ found: number; sampled: number }>(
    `SELECT count(*) FILTER (WHERE ${where}) AS found, count(*) AS sampled
      FROM inventory i TABLESAMPLE SYSTEM (${parameters.add(size?.percent ?? 100, "float8")})
      ${needsState(where) ? STATE : ""} WHERE i.tenant_id = $1`,
    parameters.values,
  );
  if (row === undefined || row.sampled === 0) return 0;
  return Math.round((row.found / row.sampled) * (await readCounter(session, tenant, "status:")));
}

/** @param limit holds for the rest of the transaction */
export async function inTime<T>(session: Session, work: () => Promise<T>, limit = SEARCH_MAX): Promise<T> {
  await session.raw(`SET LOCAL statement_timeout = '${limit}'`);
  try {
    return await work();
  } catch (error) {
    const state = error instanceof Error && "code" in error ? error.code : undefined;
    if (state === "57014")
      throw new ServerError("NOT_POSSIBLE", { reason: "the search takes too long" }, { cause: error });
    if (state === "2201B")
      throw new ServerError("REQUEST_INVALID", { reason: "an expression is too complex" }, { cause: error });
    throw error;
  }
}

export function whereOf(
  { predicate, devices, text = "", groups }: SearchInSight,
  parameters: Parameters,
  expected?: Expected,
): string {
  const words = text.split(/\s+/).filter((word) => word !== "");
  const conditions = [
    "i.tenant_id = $1",
    compilePredicate(predicate, parameters, expected),
    ...(groups === undefined ? [] : [`i.group_name = ANY (${parameters.add(groups, "text[]")})`]),
    ...(devices === undefined ? [] : [`i.device_id = ANY (${parameters.add(devices, "uuid[]")})`]),
    ...words.map((word) => `position(lower(${parameters.add(word, "text")}) IN ${TEXT}) > 0`),
  ];
  return conditions.join(" AND ");
}

/** What the words of a search are looked for in. */
const TEXT = `lower(concat_ws(' ', i.device_id, i.attributes ->> 'identity', i.attributes #>> '{inventory,hostname}', i.tags))`;

/** A value to sort by, in SQL. */
export interface SortKey {
  readonly key: string;
  readonly direction: "asc" | "desc";
  readonly order: string;
  readonly type: "text" | "numeric" | "timestamptz";
}

export function sortKeys({ sort = [] }: Search, parameters: Parameters): SortKey[] {
  return sort.flatMap(({ scope, attribute, order: direction }): SortKey[] => {
    const order = `${direction} NULLS LAST`;
    const column = sortColumn({ scope, attribute });
    if (column !== undefined) return [{ ...column, direction, order }];
    const value = valueAt({ scope, attribute }, parameters);
    const text = { key: `(${value} #>> '{}') COLLATE "C"`, type: "text" } as const;
    return [{ key: numberIn(value), type: "numeric" } as const, text].map((key) => ({ ...key, direction, order }));
  });
}

/** The names of attributes that devices report, by a sample of devices. */
export function listAttributeNames(
  session: Session,
  tenant: string,
): Promise<{ scope: string; name: string; count: number }[]> {
  return session.raw(
    `WITH sample AS (SELECT i.attributes || jsonb_build_object('tags', i.tags) AS attributes
        FROM inventory i JOIN devices d ON d.id = i.device_id
        WHERE i.tenant_id = $1 AND ($2::text[] IS NULL OR i.group_name = ANY ($2)) LIMIT 5000)
      SELECT scope, name, count(*) AS count FROM sample, jsonb_each(attributes) AS a (scope, named),
        jsonb_object_keys(CASE jsonb_typeof(named) WHEN 'object' THEN named ELSE '{}' END) AS name
      GROUP BY scope, name ORDER BY count(*) DESC, scope, name LIMIT 500`,
    [tenant, session.sight.groups ?? null],
  );
}
