import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, expect, test } from "vitest";
import { readCounts } from "../../server/adapters/postgres/device-counts.ts";
import {
  addAuthSet,
  addDevice,
  decommissionDevice,
  removeAuthSet,
  setAuthSetStatus,
} from "../../server/adapters/postgres/device-status.ts";
import type { Session } from "../../server/adapters/postgres/postgres.ts";
import type { AuthSetStatus } from "../../server/adapters/postgres/tables.ts";
import { startTestServer, type TestServer } from "../support/server/test-server.ts";

let server: TestServer;
beforeAll(async () => {
  server = await startTestServer();
});
afterAll(() => server.close());

const inTenant = <T>(work: (session: Session) => Promise<T>): Promise<T> =>
  server.server.services.postgres.inTenant(server.tenant.id, work);
const hashOf = (text: string): Buffer => Buffer.from(text.replaceAll("-", "").padEnd(64, "0").slice(0, 64), "hex");

async function makeDevice(status: AuthSetStatus): Promise<{ device: string; set: string }> {
  const device = randomUUID();
  await inTenant((session) =>
    addDevice(session, server.tenant.id, { id: device, identity: { sn: device }, identityHash: hashOf(device) }),
  );
  return { device, set: await makeSet(device, status) };
}

async function makeSet(device: string, status: AuthSetStatus): Promise<string> {
  const id = randomUUID();
  await inTenant((session) =>
    addAuthSet(session, server.tenant.id, { id, device, pubkey: id, pubkeyHash: hashOf(id), status }),
  );
  return id;
}

const setStatus = (device: string, set: string, status: AuthSetStatus): Promise<boolean> =>
  inTenant((session) => setAuthSetStatus(session, server.tenant.id, device, set, status));

/** The device, its copy in the inventory, its keys and all counters, as the database has them. */
async function stateOf(device: string): Promise<unknown> {
  return inTenant(async (session) => {
    const [row] = await session.raw(
      `SELECT d.status, i.status AS copy, d.accepted_at IS NOT NULL AS since,
        (SELECT array_agg(s.status ORDER BY s.created_at, s.status) FROM auth_sets s WHERE s.device_id = d.id) AS sets
        FROM devices d JOIN inventory i ON i.device_id = d.id WHERE d.id = $1`,
      [device],
    );
    return row;
  });
}
const counts = async (): Promise<Record<string, number>> =>
  Object.fromEntries(await inTenant((session) => readCounts(session, server.tenant.id, "")));

test("the status of a device follows its keys, and the counters follow the status", async () => {
  const { device, set } = await makeDevice("pending");
  expect(await stateOf(device)).toEqual({ status: "pending", copy: "pending", since: false, sets: ["pending"] });
  expect(await counts()).toEqual({ "status:pending": 1 });
  expect(await setStatus(device, set, "accepted")).toBe(true);
  expect(await stateOf(device)).toEqual({ status: "accepted", copy: "accepted", since: true, sets: ["accepted"] });
  expect(await counts()).toEqual({ "status:accepted": 1 });
  expect(await setStatus(device, set, "rejected")).toBe(true);
  expect(await counts()).toEqual({ "status:rejected": 1 });
  expect(await inTenant((session) => removeAuthSet(session, server.tenant.id, device, set))).toBe(true);
  expect(await stateOf(device)).toEqual({ status: "noauth", copy: "noauth", since: false, sets: null });
  expect(await inTenant((session) => decommissionDevice(session, server.tenant.id, device))).toBe(true);
  expect(await counts()).toEqual({});
});

test("a new key that is accepted rejects the old one, and the device stays accepted since the same instant", async () => {
  const { device, set } = await makeDevice("accepted");
  const since = (): Promise<unknown> =>
    inTenant((session) => session.raw("SELECT accepted_at FROM devices WHERE id = $1", [device]));
  const before = await since();
  const second = await makeSet(device, "pending");
  expect(await stateOf(device)).toMatchObject({ status: "accepted", sets: ["accepted", "pending"] });
  expect(await setStatus(device, second, "accepted")).toBe(true);
  expect(await stateOf(device)).toMatchObject({ status: "accepted", sets: ["rejected", "accepted"] });
  expect(await since()).toEqual(before);
  expect(await setStatus(device, set, "pending")).toBe(true);
  expect(await stateOf(device)).toMatchObject({ status: "accepted" });
  await inTenant((session) => decommissionDevice(session, server.tenant.id, device));
});

test("many changes at once leave exact counters", async () => {
  const devices = await Promise.all(Array.from({ length: 8 }, () => makeDevice("pending")));
  await Promise.all(
    devices.map(async ({ device, set }, n) => {
      await setStatus(device, set, "accepted");
      if (n % 3 === 0) await setStatus(device, set, "rejected");
    }),
  );
  expect(await counts()).toEqual({ "status:accepted": 5, "status:rejected": 3 });
  await Promise.all(
    devices.map(({ device }) => inTenant((session) => decommissionDevice(session, server.tenant.id, device))),
  );
  expect(await counts()).toEqual({});
});

test("the limit of accepted devices holds, also for two that are accepted at once", async () => {
  await inTenant((session) => session.raw("UPDATE tenants SET max_devices = 2 WHERE id = $1", [server.tenant.id]));
  const devices = await Promise.all(Array.from({ length: 5 }, () => makeDevice("pending")));
  const ends = await Promise.allSettled(devices.map(({ device, set }) => setStatus(device, set, "accepted")));
  expect(ends.filter(({ status }) => status === "fulfilled")).toHaveLength(2);
  expect(await counts()).toEqual({ "status:accepted": 2, "status:pending": 3 });
  const refused = ends.find((end) => end.status === "rejected");
  expect(refused?.reason).toMatchObject({ code: "NOT_POSSIBLE", detail: { limit: 2 } });
});

test("an identity has one device, and a device or key that is not there is said to be missing", async () => {
  const { device } = await makeDevice("pending");
  const again = { id: randomUUID(), identity: { sn: device }, identityHash: hashOf(device) };
  expect(await inTenant((session) => addDevice(session, server.tenant.id, again))).toBe(false);
  expect(await setStatus(device, randomUUID(), "accepted")).toBe(false);
  expect(await setStatus(randomUUID(), randomUUID(), "accepted")).toBe(false);
  expect(await inTenant((session) => decommissionDevice(session, server.tenant.id, randomUUID()))).toBe(false);
});
