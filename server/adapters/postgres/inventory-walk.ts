import { type Position, type Stretch, stretchOf, type Walk } from "../../domain/cursors/cursors.ts";
import { type Parameters, startParameters } from "./filter-sql.ts";
import {
  COLUMNS,
  type InventoryRow,
  inTime,
  type Search,
  SHOWN,
  type SortKey,
  sortKeys,
  whereOf,
} from "./inventory-search.ts";
import type { Session } from "./postgres.ts";

/** Devices that a search finds, after a position. They are sorted as in pages; only long texts count by their beginning. */
export function walkInventory(
  session: Session,
  tenant: string,
  search: Search,
  { after, limit }: Walk,
): Promise<Stretch<InventoryRow>> {
  return inTime(session, async () => {
    const parameters = startParameters([tenant]);
    const keys = sortKeys(search, parameters).map(shortened);
    const conditions = [
      whereOf({ ...search, groups: session.sight.groups }, parameters),
      ...(after === undefined ? [] : [behind([...keys, BY_ID], after, parameters)]),
    ];
    const order = [...keys.map(({ key, order: by }) => `${key} ${by}`), "i.device_id"].join(", ");
    const position = [...keys.map(({ key }) => `(${key})::text`), "i.device_id::text"].join(", ");
    const rows = await session.raw<InventoryRow & { readonly position: Position } & Record<string, unknown>>(
      `SELECT ${COLUMNS}, ARRAY[${position}] AS position FROM ${SHOWN} WHERE ${conditions.join(" AND ")}
        ORDER BY ${order} LIMIT ${parameters.add(limit + 1, "bigint")}`,
      parameters.values,
    );
    return stretchOf(rows, limit, (row) => row.position);
  });
}

/** A cursor has the values of its position in it, and must fit into a request. */
const SORTED_LENGTH = 128;

const shortened = (key: SortKey): SortKey =>
  key.type === "text" ? { ...key, key: `left(${key.key}, ${SORTED_LENGTH})` } : key;

const BY_ID = { key: "i.device_id", direction: "asc", type: "uuid" } as const;

/**
 * The condition that a row is sorted behind a position: it is behind in one key, and equal in those before. What is
 * missing is behind everything.
 */
function behind(
  keys: readonly (Pick<SortKey, "key" | "direction"> & { readonly type: string })[],
  position: Position,
  parameters: Parameters,
): string {
  const ways = keys.map(({ key, direction, type }, n) => {
    const value = position[n] ?? null;
    const at = parameters.add(value, type);
    const isBehind = value === null ? "false" : `(${key} ${direction === "asc" ? ">" : "<"} ${at} OR ${key} IS NULL)`;
    return { isBehind, isEqual: `${key} IS NOT DISTINCT FROM ${at}` };
  });
  const [first, ...rest] = ways.map(({ isBehind }, n) =>
    [...ways.slice(0, n).map(({ isEqual }) => isEqual), isBehind].join(" AND "),
  );
  return rest.length === 0 ? String(first) : `(${[first, ...rest].map((way) => `(${way})`).join(" OR ")})`;
}
