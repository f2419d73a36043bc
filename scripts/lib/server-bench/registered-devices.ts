import type pg from "pg";
import { connectPostgres } from "../../../server/adapters/postgres/postgres.ts";
import { loadSecrets } from "../../../server/adapters/postgres/secrets.ts";
import { createTokens } from "../../../server/adapters/tokens/tokens.ts";

/** The number in an id, so that all rows of a device can be made by arithmetic. */
const ID = (kind: string): string => `lpad(to_hex(n), 8, '0') || '-0000-4000-8${kind}00-000000000000'`;

/** Registers accepted devices with inventory by SQL, up to a total. */
export async function registerDevices(client: pg.Client, tenant: string, from: number, to: number): Promise<void> {
  const rows = `generate_series(${from}, ${to - 1}) AS n`;
  await client.query(`SELECT set_config('app.tenant', $1, false)`, [tenant]);
  await client.query(`ALTER TABLE auth_sets DISABLE TRIGGER USER`);
  const insert = (table: string, columns: string, values: string): Promise<unknown> =>
    client.query(`INSERT INTO ${table} (tenant_id, ${columns}) SELECT '${tenant}', ${values} FROM ${rows}`);
  await insert(
    "devices",
    "id, identity, identity_hash, status, accepted_at",
    `(${ID("0")})::uuid, jsonb_build_object('mac', n::text), sha256(n::text::bytea), 'accepted', now()`,
  );
  await insert(
    "auth_sets",
    "id, device_id, pubkey, pubkey_hash, status",
    `(${ID("1")})::uuid, (${ID("0")})::uuid, n::text, sha256(n::text::bytea), 'accepted'`,
  );
  await insert("device_state", "device_id", `(${ID("0")})::uuid`);
  await insert(
    "inventory",
    "device_id, status, attributes",
    `(${ID("0")})::uuid, 'accepted', jsonb_build_object(
      'identity', jsonb_build_object('mac', n::text),
      'inventory', jsonb_build_object('device_type', 'board-' || n % 4, 'artifact_name', 'release-' || n % 7,
        'site', 'site-' || n % 500, 'hardware', 'revision-' || n % 4, 'serial', n::text))`,
  );
  await client.query(
    `INSERT INTO device_counts (tenant_id, what, shard, n) VALUES ($1, 'status:accepted', 0, $2)
      ON CONFLICT (tenant_id, what, shard) DO UPDATE SET n = device_counts.n + excluded.n`,
    [tenant, to - from],
  );
  await client.query(`ALTER TABLE auth_sets ENABLE TRIGGER USER`);
  await client.query("ANALYZE devices, auth_sets, device_state, inventory");
}

/** Tokens of some of these devices, as the server issues them. */
export async function tokensOf(databaseUrl: string, tenant: string, numbers: readonly number[]): Promise<string[]> {
  const postgres = connectPostgres({ url: databaseUrl, connections: 1 });
  const { tokenKey } = await loadSecrets(postgres);
  await postgres.close();
  const tokens = createTokens(tokenKey);
  const id = (n: number, kind: string): string =>
    `${n.toString(16).padStart(8, "0")}-0000-4000-8${kind}00-000000000000`;
  return Promise.all(
    numbers.map((n) => tokens.sign({ jti: id(n, "1"), sub: id(n, "0"), tenant, kind: "device" }, 604_800)),
  );
}
