import type { Place, Predicate } from "../../domain/filters/predicate.ts";
import { ServerError } from "../../errors/server-error.ts";
import { compilePredicate, numberIn, type Parameters, sortColumn, startParameters, valueAt } from "./filter-sql.ts";
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

interface Window {
  readonly offset: number;
  readonly limit: number;
}

/**
 * The tables of a search. Devices are joined by the id alone: their policy keeps tenants apart, and with one more
 * condition on the tenant the planner would not use the index of the attributes. See the end of 0001-base.sql.
 */
const FROM = `FROM inventory i JOIN devices d ON d.id = i.device_id
  LEFT JOIN device_state c ON c.device_id = i.device_id`;

/** How long a search may take. Its conditions are not ours, so it must not keep a connection for as long as others. */
const SEARCH_MAX = "5s";

/** A page of the devices that a search finds. */
export function searchInventory(
  session: Session,
  tenant: string,
  search: Search,
  page: Window,
): Promise<InventoryRow[]> {
  const parameters = startParameters([tenant]);
  const text = searchStatement(search, page, parameters);
  return inTime(session, () => session.raw<InventoryRow & Record<string, unknown>>(text, parameters.values));
}

/** The statement of a search. The first parameter is the tenant. */
export function searchStatement(search: Search, { offset, limit }: Window, parameters: Parameters): string {
  return `SELECT i.device_id, i.status, i.attributes, i.group_name, i.tags, i.tags_rev, i.created_at, i.updated_at,
    c.check_in_at ${FROM} WHERE ${whereOf(search, parameters)} ${orderOf(search, parameters)}
    OFFSET ${parameters.add(offset, "bigint")} LIMIT ${parameters.add(limit, "bigint")}`;
}

/** Up to here a count is exact. */
const COUNTED_MAX = 10_000;

/** How many devices a search finds: exact for a few thousand, else what the planner believes. */
export async function countInventory(session: Session, tenant: string, search: Search): Promise<number> {
  const parameters = startParameters([tenant]);
  const text = `SELECT 1 ${FROM} WHERE ${whereOf(search, parameters)}`;
  const [row] = await inTime(session, () =>
    session.raw<{ n: number }>(
      `SELECT count(*) AS n FROM (${text} LIMIT ${COUNTED_MAX + 1}) AS counted`,
      parameters.values,
    ),
  );
  const counted = row?.n ?? 0;
  if (counted <= COUNTED_MAX) return counted;
  const [plan] = await session.raw<{ "QUERY PLAN": [{ Plan: { "Plan Rows": number } }] }>(
    `EXPLAIN (FORMAT JSON) ${text}`,
    parameters.values,
  );
  return Math.max(counted, plan?.["QUERY PLAN"][0].Plan["Plan Rows"] ?? 0);
}

async function inTime<T>(session: Session, work: () => Promise<T>): Promise<T> {
  await session.raw(`SET LOCAL statement_timeout = '${SEARCH_MAX}'`);
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

function whereOf({ predicate, devices, text = "" }: Search, parameters: Parameters): string {
  const words = text.split(/\s+/).filter((word) => word !== "");
  const conditions = [
    "i.tenant_id = $1",
    compilePredicate(predicate, parameters),
    ...(devices === undefined ? [] : [`i.device_id = ANY (${parameters.add(devices, "uuid[]")})`]),
    ...words.map((word) => `position(lower(${parameters.add(word, "text")}) IN ${TEXT}) > 0`),
  ];
  return conditions.join(" AND ");
}

/** What the words of a search are looked for in. */
const TEXT = `lower(concat_ws(' ', i.device_id, i.attributes ->> 'identity', i.attributes #>> '{inventory,hostname}', i.tags))`;

function orderOf({ sort = [] }: Search, parameters: Parameters): string {
  const keys = sort.flatMap(({ scope, attribute, order }) => {
    const column = sortColumn({ scope, attribute });
    const value = valueAt({ scope, attribute }, parameters);
    const by = column === undefined ? [numberIn(value), `(${value} #>> '{}') COLLATE "C"`] : [column];
    return by.map((key) => `${key} ${order} NULLS LAST`);
  });
  return `ORDER BY ${[...keys, "i.device_id"].join(", ")}`;
}

/** The names of attributes that devices report, by a sample of devices. */
export function listAttributeNames(
  session: Session,
  tenant: string,
): Promise<{ scope: string; name: string; count: number }[]> {
  return session.raw(
    `WITH sample AS (SELECT i.attributes || jsonb_build_object('tags', i.tags) AS attributes
        FROM inventory i JOIN devices d ON d.id = i.device_id WHERE i.tenant_id = $1 LIMIT 5000)
      SELECT scope, name, count(*) AS count FROM sample, jsonb_each(attributes) AS a (scope, named),
        jsonb_object_keys(CASE jsonb_typeof(named) WHEN 'object' THEN named ELSE '{}' END) AS name
      GROUP BY scope, name ORDER BY count(*) DESC, scope, name LIMIT 500`,
    [tenant],
  );
}
