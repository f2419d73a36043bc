import type { InventoryDevice } from "../../../../src/protocol/api/inventory.ts";
import type { InventoryRow } from "../../../adapters/postgres/inventory-search.ts";
import type { Place } from "../../../domain/filters/predicate.ts";

type Attribute = InventoryDevice["attributes"][number];

/** A device as the inventory shows it. `wanted`: only these attributes. */
export function shownDevice(row: InventoryRow, wanted?: readonly Place[]): InventoryDevice {
  const keys = wanted && new Set(wanted.map(({ scope, attribute }) => `${scope}/${attribute}`));
  const attributes = attributesOf(row).filter(({ scope, name }) => keys?.has(`${scope}/${name}`) !== false);
  return { id: row.device_id, updated_ts: row.updated_at.toISOString(), attributes };
}

function attributesOf(row: InventoryRow): Attribute[] {
  const reported = Object.entries(row.attributes).flatMap(([scope, values]) =>
    Object.entries(values).map(([name, value]) => ({ scope, name, value })),
  );
  const tags = Object.entries(row.tags).map(([name, { value, description }]) => ({
    ...{ scope: "tags", name, value },
    ...(description !== undefined && { description }),
  }));
  const system = {
    group: row.group_name ?? undefined,
    created_ts: row.created_at.toISOString(),
    updated_ts: row.updated_at.toISOString(),
    check_in_time: row.check_in_at?.toISOString(),
  };
  return [
    { scope: "identity", name: "status", value: row.status },
    ...reported,
    ...Object.entries(system).flatMap(([name, value]) =>
      value === undefined ? [] : [{ scope: "system", name, value }],
    ),
    ...tags,
  ];
}
