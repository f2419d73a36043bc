import type { Device } from "../../../../src/protocol/api/devauth.ts";
import type { DeviceRow } from "../../../adapters/postgres/devices.ts";

/** A device as Mender's device authentication shows it. */
export const shownDevice = ({
  id,
  identity,
  status,
  created_at,
  updated_at,
  check_in_at,
  auth_sets,
}: DeviceRow): Device => ({
  id,
  identity_data: identity,
  status,
  created_ts: created_at.toISOString(),
  updated_ts: updated_at.toISOString(),
  ...(check_in_at !== null && { check_in_time: check_in_at.toISOString() }),
  auth_sets: auth_sets.map((set) => ({
    id: set.id,
    pubkey: set.pubkey,
    identity_data: identity,
    status: set.status,
    ts: new Date(set.ts).toISOString(),
  })),
  decommissioning: false,
});
