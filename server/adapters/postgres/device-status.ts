import { ServerError } from "../../errors/server-error.ts";
import { countDevices, readCounts } from "./device-counts.ts";
import { writeDecommissioned, writeStatusChanged } from "./device-events.ts";
import { leaveDeployments } from "./leave-deployments.ts";
import { type Session, sql } from "./postgres.ts";
import type { AuthSetStatus, DeviceStatus } from "./tables.ts";

/**
 * Changes of the status of devices. All of them need a transaction, and take their locks in this order: membership, the
 * device, deployments, counters, audit.
 */

/** Keeps deployments from being created until the transaction ends, because they count the devices they reach. */
export async function lockMembership(session: Session, tenant: string): Promise<void> {
  await session.raw("SELECT pg_advisory_xact_lock_shared(hashtextextended($1, 0))", [tenant]);
}

interface LockedDevice {
  readonly id: string;
  readonly status: DeviceStatus;
}

async function lockDevice(session: Session, tenant: string, device: string): Promise<LockedDevice | undefined> {
  await lockMembership(session, tenant);
  const [row] = await session.raw<{ id: string; status: DeviceStatus }>(
    "SELECT id, status FROM devices WHERE tenant_id = $1 AND id = $2 FOR NO KEY UPDATE",
    [tenant, device],
  );
  return row;
}

export interface NewDevice {
  readonly id: string;
  readonly identity: Readonly<Record<string, unknown>>;
  /** SHA-256 of the canonical form of the identity. */
  readonly identityHash: Buffer;
}

/** Makes a device without a key. @returns whether there was none with this identity */
export async function addDevice(
  session: Session,
  tenant: string,
  { id, identity, identityHash }: NewDevice,
): Promise<boolean> {
  await lockMembership(session, tenant);
  const text = JSON.stringify(identity);
  const device = sql
    .insertInto("devices")
    .values({ tenant_id: tenant, id, identity: text, identity_hash: identityHash, status: "noauth" })
    .onConflict((conflict) => conflict.columns(["tenant_id", "identity_hash"]).doNothing());
  if ((await session.run(device)) === 0) return false;
  await session.run(sql.insertInto("device_state").values({ tenant_id: tenant, device_id: id }));
  const attributes = JSON.stringify({ identity });
  await session.run(
    sql.insertInto("inventory").values({ tenant_id: tenant, device_id: id, status: "noauth", attributes }),
  );
  await countDevices(session, tenant, id, { "status:noauth": 1 });
  return true;
}

export interface NewAuthSet {
  readonly id: string;
  readonly device: string;
  /** PEM in the server's own form, and its SHA-256. */
  readonly pubkey: string;
  readonly pubkeyHash: Buffer;
  readonly tier?: string;
  /** The address from which the device asks with it. */
  readonly seenFrom?: string;
  readonly status: AuthSetStatus;
}

/** Gives a device one more key. The status of the device follows. */
export async function addAuthSet(session: Session, tenant: string, set: NewAuthSet): Promise<void> {
  const device = await lockDevice(session, tenant, set.device);
  if (device === undefined) throw new ServerError("NOT_FOUND", { device: set.device });
  const { id, pubkey, pubkeyHash, tier, seenFrom, status } = set;
  if (status === "accepted") await makeRoom(session, tenant, device, undefined);
  await session.run(
    sql.insertInto("auth_sets").values({
      ...{ tenant_id: tenant, id, device_id: device.id, pubkey, pubkey_hash: pubkeyHash, status },
      ...(tier !== undefined && { tier }),
      ...(seenFrom !== undefined && { seen_from: seenFrom }),
    }),
  );
  await followAuthSets(session, tenant, device);
}

/**
 * Accepts, rejects or suspends one key of a device. To accept it rejects the key that was accepted or preauthorized.
 *
 * @returns whether the device has this key
 * @throws {ServerError} NOT_POSSIBLE if the tenant has as many accepted devices as it may have
 */
export async function setAuthSetStatus(
  session: Session,
  tenant: string,
  deviceId: string,
  authSet: string,
  status: AuthSetStatus,
): Promise<boolean> {
  const device = await lockDevice(session, tenant, deviceId);
  if (device === undefined) return false;
  const [set] = await session.raw<{ status: AuthSetStatus }>(
    "SELECT status FROM auth_sets WHERE tenant_id = $1 AND device_id = $2 AND id = $3",
    [tenant, deviceId, authSet],
  );
  if (set === undefined) return false;
  if (set.status === status) return true;
  if (status === "accepted") await makeRoom(session, tenant, device, authSet);
  await session.raw("UPDATE auth_sets SET status = $4 WHERE tenant_id = $1 AND device_id = $2 AND id = $3", [
    ...[tenant, deviceId, authSet, status],
  ]);
  await followAuthSets(session, tenant, device);
  return true;
}

/** Takes a key away from a device. @returns whether the device had it */
export async function removeAuthSet(
  session: Session,
  tenant: string,
  deviceId: string,
  authSet: string,
): Promise<boolean> {
  const device = await lockDevice(session, tenant, deviceId);
  if (device === undefined) return false;
  const removed = await session.run(
    sql
      .deleteFrom("auth_sets")
      .where("tenant_id", "=", tenant)
      .where("device_id", "=", deviceId)
      .where("id", "=", authSet),
  );
  if (removed === 0) return false;
  await followAuthSets(session, tenant, device);
  return true;
}

/** Removes a device with its keys, inventory and state. Its part in deployments stays on record. @returns whether it was there */
export async function decommissionDevice(session: Session, tenant: string, deviceId: string): Promise<boolean> {
  const device = await lockDevice(session, tenant, deviceId);
  if (device === undefined) return false;
  const group = await groupOf(session, tenant, deviceId);
  await leaveDeployments(session, tenant, { device: deviceId, status: "decommissioned", reason: "DECOMMISSIONED" });
  await session.run(sql.deleteFrom("devices").where("tenant_id", "=", tenant).where("id", "=", deviceId));
  await countDevices(session, tenant, deviceId, {
    [`status:${device.status}`]: -1,
    ...(group !== null && device.status === "accepted" && { [`group:${group}`]: -1 }),
  });
  await writeDecommissioned(session, tenant, deviceId, group);
  return true;
}

/** Rejects what stands in the way of a key that is about to be accepted, and keeps to the limit of the tenant. */
async function makeRoom(
  session: Session,
  tenant: string,
  device: LockedDevice,
  authSet: string | undefined,
): Promise<void> {
  if (device.status !== "accepted") await keepToLimit(session, tenant);
  await session.raw(
    `UPDATE auth_sets SET status = 'rejected' WHERE tenant_id = $1 AND device_id = $2
      AND status IN ('accepted', 'preauthorized') AND id IS DISTINCT FROM $3`,
    [tenant, device.id, authSet ?? null],
  );
}

async function keepToLimit(session: Session, tenant: string): Promise<void> {
  const limit = await readDeviceLimit(session, tenant);
  if (limit === 0) return;
  // Two devices that are accepted at once must not both be the last one.
  await session.raw("SELECT pg_advisory_xact_lock(hashtextextended($1, 2))", [tenant]);
  const accepted = (await readCounts(session, tenant, "status:accepted")).get("status:accepted") ?? 0;
  if (accepted >= limit)
    throw new ServerError("NOT_POSSIBLE", { reason: "the limit of accepted devices is reached", limit });
}

/** How many devices may be accepted. 0: any number. */
export async function readDeviceLimit(session: Session, tenant: string): Promise<number> {
  const row = await session.first(sql.selectFrom("tenants").select("max_devices").where("id", "=", tenant));
  return row?.max_devices ?? 0;
}

/** Gives the device the status that follows from its keys. */
async function followAuthSets(session: Session, tenant: string, { id, status: before }: LockedDevice): Promise<void> {
  const [{ status } = { status: "noauth" as DeviceStatus }] = await session.raw<{ status: DeviceStatus }>(
    `SELECT status FROM auth_sets WHERE tenant_id = $1 AND device_id = $2
      ORDER BY array_position(ARRAY['accepted', 'preauthorized', 'pending', 'rejected'], status) LIMIT 1`,
    [tenant, id],
  );
  if (status !== before) {
    const group = await groupOf(session, tenant, id);
    if (before === "accepted")
      await leaveDeployments(session, tenant, { device: id, status: "aborted", reason: "LEFT_TARGET" });
    await session.raw(
      `UPDATE devices SET status = $3, updated_at = now(),
        accepted_at = CASE WHEN $3 = 'accepted' THEN clock_timestamp() END
        WHERE tenant_id = $1 AND id = $2`,
      [tenant, id, status],
    );
    await session.raw("UPDATE inventory SET status = $3, updated_at = now() WHERE tenant_id = $1 AND device_id = $2", [
      ...[tenant, id, status],
    ]);
    const accepted = Number(status === "accepted") - Number(before === "accepted");
    await countDevices(session, tenant, id, {
      ...{ [`status:${before}`]: -1, [`status:${status}`]: 1 },
      ...(group !== null && { [`group:${group}`]: accepted }),
    });
    await writeStatusChanged(session, tenant, { device: id, before, status, group });
  }
}

async function groupOf(session: Session, tenant: string, device: string): Promise<string | null> {
  const [row] = await session.raw<{ group_name: string | null }>(
    "SELECT group_name FROM inventory WHERE tenant_id = $1 AND device_id = $2",
    [tenant, device],
  );
  return row?.group_name ?? null;
}
