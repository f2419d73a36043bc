import { createHash, generateKeyPairSync, randomUUID, sign } from "node:crypto";
import type { WireRequest } from "../../../fleet/simulate/wire.ts";
import { hashIdentity } from "../../../server/domain/authentication/identity.ts";
import { say } from "../run.ts";
import { measure } from "./programs.ts";
import type { ServerUnderTest } from "./server-under-test.ts";

const DEVICES = 10_000;
const CONNECTIONS = 200;

/** All devices of a fleet authenticate anew at the same time, as after an outage: how long it takes, and with what end. */
export async function measureAuthentications({ client, tenant, url }: ServerUnderTest): Promise<void> {
  const requests: WireRequest[] = [];
  const rows = Array.from({ length: DEVICES }, (_, n) => {
    const identity = { serial: `storm-${n}` };
    const { publicKey, privateKey } = generateKeyPairSync("ed25519");
    const pubkey = publicKey.export({ type: "spki", format: "pem" }).toString();
    const body = JSON.stringify({ id_data: JSON.stringify(identity), pubkey });
    requests.push({
      ...{ method: "POST", path: "/api/devices/v1/authentication/auth_requests", body },
      headers: {
        "Content-Type": "application/json",
        "X-MEN-Signature": sign(null, Buffer.from(body), privateKey).toString("base64"),
      },
    });
    return { id: randomUUID(), set: randomUUID(), identity, pubkey };
  });
  await client.query("SELECT set_config('app.tenant', $1, false)", [tenant]);
  await client.query(
    `INSERT INTO devices (tenant_id, id, identity, identity_hash, status, accepted_at)
      SELECT $1, id, identity, hash, 'accepted', now()
      FROM unnest($2::uuid[], $3::jsonb[], $4::bytea[]) AS x (id, identity, hash)`,
    [
      tenant,
      rows.map(({ id }) => id),
      rows.map(({ identity }) => JSON.stringify(identity)),
      rows.map(({ identity }) => hashIdentity(identity)),
    ],
  );
  await client.query(
    `INSERT INTO auth_sets (tenant_id, id, device_id, pubkey, pubkey_hash, status)
      SELECT $1, id, device, pubkey, hash, 'accepted'
      FROM unnest($2::uuid[], $3::uuid[], $4::text[], $5::bytea[]) AS x (id, device, pubkey, hash)`,
    [
      tenant,
      rows.map(({ set }) => set),
      rows.map(({ id }) => id),
      rows.map(({ pubkey }) => pubkey),
      rows.map(({ pubkey }) => createHash("sha256").update(pubkey).digest()),
    ],
  );
  await client.query("ANALYZE devices, auth_sets");
  const { perSecond, p50, p99, statuses } = await measure({ url, connections: CONNECTIONS, requests, once: true });
  const answers = Object.entries(statuses).map(([status, count]) => `${count} times ${status}`);
  const rate = `${Math.round(perSecond)} a second, p50 ${p50} ms, p99 ${p99} ms`;
  say(`${DEVICES} devices authenticate anew over ${CONNECTIONS} connections: ${rate}; ${answers.join(", ")}`);
  const others = Object.keys(statuses).filter((status) => status !== "200" && status !== "429");
  if (others.length > 0) throw new Error(`authentications were answered ${others.join(", ")}`);
}
