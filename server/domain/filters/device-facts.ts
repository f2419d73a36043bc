import type { Facts } from "./evaluate.ts";

/** A device as the inventory has it. null: there is none. */
export interface InventoryOfDevice {
  readonly status: string;
  readonly attributes: Facts;
  readonly group: string | null;
  readonly tags: Readonly<Record<string, { readonly value: string }>>;
  /** Instants as texts, in the form that searches compare: `2026-01-31T23:59:59.999Z`. */
  readonly created: string;
  readonly updated: string;
  readonly checkedIn: string | null;
}

/** What filters can ask of a device, in the same form as in SQL. */
export function factsOf(device: InventoryOfDevice): Facts {
  const { attributes, status, group, tags, created, updated, checkedIn } = device;
  return {
    ...attributes,
    identity: { ...attributes["identity"], status },
    tags: Object.fromEntries(Object.entries(tags).map(([name, { value }]) => [name, value])),
    system: {
      ...attributes["system"],
      created_ts: created,
      updated_ts: updated,
      ...(checkedIn !== null && { check_in_time: checkedIn }),
      ...(group !== null && { group }),
    },
  };
}
