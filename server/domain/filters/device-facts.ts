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
  /** Whether it has not polled for two of its intervals and a minute. */
  readonly isSilent: boolean;
  /** Whether an update failed and could not be rolled back. */
  readonly isInconsistent: boolean;
}

/** What filters can ask of a device, in the same form as in SQL. */
export function factsOf(device: InventoryOfDevice): Facts {
  const { attributes, status, group, tags, created, updated, checkedIn, isSilent, isInconsistent } = device;
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
      ...(isSilent && { silent: "true" }),
      ...(isInconsistent && { inconsistent: "true" }),
    },
  };
}
