import { randomUUID } from "node:crypto";
import { type SimulatedDevice, simulatedDevice } from "../../../fleet/simulate/device.ts";
import { readPublicKey } from "../../../server/adapters/device-keys/public-key.ts";
import { countMany } from "../../../server/adapters/postgres/device-counts.ts";
import { hashIdentity } from "../../../server/domain/authentication/identity.ts";
import type { TestServer } from "./test-server.ts";

const BATCH = 2000;

/** Accepts all devices of a simulation before they ask for the first time, as a list of the factory would. */
export async function acceptFleet(server: TestServer, seed: string, devices: number): Promise<void> {
  for (let from = 0; from < devices; from += BATCH) {
    const batch = Array.from({ length: Math.min(BATCH, devices - from) }, (_, n) =>
      setOf(simulatedDevice(seed, from + n)),
    );
    await acceptBatch(server, batch);
  }
}

function setOf(device: SimulatedDevice) {
  const { id_data: idData, pubkey } = JSON.parse(device.request(undefined).body) as { id_data: string; pubkey: string };
  const identity = JSON.parse(idData) as Record<string, string>;
  const key = readPublicKey(pubkey);
  if (key === undefined) throw new Error("a simulated device has no key that the server accepts");
  const { pem, hash } = key;
  return { id: randomUUID(), set: randomUUID(), identity, identityHash: hashIdentity(identity), pem, hash };
}

async function acceptBatch({ server, tenant }: TestServer, sets: readonly ReturnType<typeof setOf>[]): Promise<void> {
  const columns = [
    sets.map(({ id }) => id),
    sets.map(({ identity }) => JSON.stringify(identity)),
    sets.map(({ identityHash }) => identityHash),
    sets.map(({ set }) => set),
    sets.map(({ pem }) => pem),
    sets.map(({ hash }) => hash),
  ];
  await server.services.postgres.inTenant(tenant.id, async (session) => {
    await session.raw(
      `WITH sets AS (
          SELECT * FROM unnest($2::uuid[], $3::text[], $4::bytea[], $5::uuid[], $6::text[], $7::bytea[])
            AS x (id, identity, identity_hash, auth_set, pem, key_hash)
        ), devices AS (
          INSERT INTO devices (tenant_id, id, identity, identity_hash, status, accepted_at)
          SELECT $1, id, identity::jsonb, identity_hash, 'accepted', now() FROM sets
        ), states AS (INSERT INTO device_state (tenant_id, device_id) SELECT $1, id FROM sets
        ), inventories AS (
          INSERT INTO inventory (tenant_id, device_id, status, attributes)
          SELECT $1, id, 'accepted', jsonb_build_object('identity', identity::jsonb) FROM sets
        )
        INSERT INTO auth_sets (tenant_id, id, device_id, pubkey, pubkey_hash, status)
        SELECT $1, auth_set, id, pem, key_hash, 'accepted' FROM sets`,
      [tenant.id, ...columns],
    );
    await countMany(
      session,
      tenant.id,
      sets.map(({ id }) => ({ device: id, what: "status:accepted", change: 1 })),
    );
  });
}
