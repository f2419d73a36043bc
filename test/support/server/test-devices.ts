import { generateKeyPairSync, randomUUID } from "node:crypto";
import { addAuthSet, addDevice } from "../../../server/adapters/postgres/device-status.ts";
import type { AuthSetStatus } from "../../../server/adapters/postgres/tables.ts";
import { hashIdentity } from "../../../server/domain/authentication/identity.ts";
import type { TestServer } from "./test-server.ts";

/** A device with one key, put into the database as the device's own request would put it there. */
export async function makeDevice(
  { server, tenant }: Pick<TestServer, "server" | "tenant">,
  status: AuthSetStatus = "accepted",
  identity: Record<string, string> = { sn: randomUUID() },
): Promise<{ readonly device: string; readonly set: string }> {
  const device = randomUUID();
  const set = randomUUID();
  const { publicKey } = generateKeyPairSync("ed25519");
  const pubkey = publicKey.export({ type: "spki", format: "pem" }).toString();
  await server.services.postgres.inTenant(tenant.id, async (session) => {
    await addDevice(session, tenant.id, { id: device, identity, identityHash: hashIdentity(identity) });
    const pubkeyHash = Buffer.from(set.replaceAll("-", ""), "hex");
    await addAuthSet(session, tenant.id, { id: set, device, pubkey, pubkeyHash, status });
  });
  return { device, set };
}

/** Gives devices inventory attributes, as a device's own report would. */
export async function setAttributes(
  { server, tenant }: Pick<TestServer, "server" | "tenant">,
  device: string,
  attributes: Readonly<Record<string, unknown>>,
): Promise<void> {
  await server.services.postgres.inTenant(tenant.id, (session) =>
    session.raw(
      "UPDATE inventory SET attributes = jsonb_set(attributes, '{inventory}', $2), updated_at = now() WHERE device_id = $1",
      [...[device, JSON.stringify(attributes)]],
    ),
  );
}
