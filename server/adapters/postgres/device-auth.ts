import type { Postgres } from "./postgres.ts";

export interface KnownSet {
  readonly device: string;
  /** `null`: the device has no auth set with this key. */
  readonly auth_set: string | null;
  readonly status: "pending" | "rejected" | "preauthorized" | "accepted" | null;
  /** The database's clock, in seconds since 1970: `tokens_valid_from` is of the same clock. */
  readonly now: number;
}

/** The device with this identity, and its auth set with this key. */
export async function findAuthSet(
  postgres: Postgres,
  tenant: string,
  identityHash: Buffer,
  pubkeyHash: Buffer,
): Promise<KnownSet | undefined> {
  const [row] = await postgres.prepared<KnownSet>(tenant, FIND_AUTH_SET, [tenant, identityHash, pubkeyHash]);
  return row;
}

const FIND_AUTH_SET = {
  name: "find-auth-set",
  text: `SELECT d.id AS device, s.id AS auth_set, s.status, extract(epoch FROM clock_timestamp())::float8 AS now
    FROM devices d
    LEFT JOIN auth_sets s ON s.tenant_id = d.tenant_id AND s.device_id = d.id AND s.pubkey_hash = $3
    WHERE d.tenant_id = $1 AND d.identity_hash = $2`,
};

export interface AcceptedSet {
  readonly device: string;
  /** Seconds since 1970. A token that is older is revoked. */
  readonly valid_from: number;
}

/** The device of an auth set, if the set is accepted. */
export async function findAcceptedSet(
  postgres: Postgres,
  tenant: string,
  authSet: string,
): Promise<AcceptedSet | undefined> {
  const [row] = await postgres.prepared<AcceptedSet>(tenant, FIND_ACCEPTED_SET, [tenant, authSet]);
  return row;
}

const FIND_ACCEPTED_SET = {
  name: "find-accepted-set",
  text: `SELECT device_id AS device, extract(epoch FROM tokens_valid_from)::float8 AS valid_from
    FROM auth_sets WHERE tenant_id = $1 AND id = $2 AND status = 'accepted'`,
};

/**
 * The tenant that a device belongs to: the one whose token it sends, or the only one there is if it sends none.
 *
 * @param token `undefined` or empty: the device sends none
 */
export async function findTenant(postgres: Postgres, token: string | undefined): Promise<string | undefined> {
  const rows = await postgres.shared((session) =>
    token === undefined || token === ""
      ? session.raw<{ id: string }>("SELECT id FROM tenants LIMIT 2")
      : session.raw<{ id: string }>("SELECT id FROM tenants WHERE token = $1", [token]),
  );
  return rows.length === 1 ? rows[0]?.id : undefined;
}
