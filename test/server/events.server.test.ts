import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, expect, test } from "vitest";
import { keepInventory } from "../../server/adapters/postgres/device-inventory.ts";
import { numberEvents, readEvents, writeEvent } from "../../server/adapters/postgres/events.ts";
import { addTenant } from "../../server/adapters/postgres/people.ts";
import type { StoredEvent } from "../../server/adapters/postgres/stored-event.ts";
import { addArtifact, addDeployment, query } from "../support/server/seed.ts";
import { makeDevice } from "../support/server/test-devices.ts";
import { startTestServer, type TestServer } from "../support/server/test-server.ts";

const DEVAUTH = "/api/management/v2/devauth/devices";
const DEPLOYMENTS = "/api/management/v1/deployments/deployments";
let server: TestServer;
beforeAll(async () => {
  server = await startTestServer();
});
afterAll(() => server.close());

const postgres = () => server.server.services.postgres;

/** The events after a number that are not of the audit log, when all have their numbers. */
async function eventsAfter(after: number): Promise<StoredEvent[]> {
  await expect.poll(() => query(server, "SELECT FROM outbox")).toEqual([]);
  const all = await readEvents(postgres(), server.tenant.id, { after, limit: 10_000 });
  return all.filter(({ type }) => type !== "audit-recorded");
}

async function newest(): Promise<number> {
  return (await eventsAfter(0)).at(-1)?.id ?? 0;
}

test("a reader that asks for what is new misses no event, whatever order the transactions end in", async () => {
  const { id: tenant } = await postgres().shared((session) => addTenant(session, "busy"));
  const written = new Set<string>();
  const seen: StoredEvent[] = [];
  let isOver = false;
  const read = async (): Promise<void> => {
    const more = await readEvents(postgres(), tenant, { after: seen.at(-1)?.id ?? 0, limit: 7 });
    seen.push(...more);
  };
  const reading = (async () => {
    while (!isOver) await read();
  })();
  // A second process that gives numbers: it may come at any time.
  const numbering = (async () => {
    while (!isOver) await numberEvents(postgres());
  })();
  const writers = Array.from({ length: 6 }, async (_, writer) => {
    for (let turn = 0; turn < 25; turn += 1) {
      const names = Array.from({ length: 1 + (turn % 3) }, (_one, at) => `${writer}-${turn}-${at}`);
      const isKept = (turn + writer) % 5 !== 0;
      await postgres()
        .inTenant(tenant, async (session) => {
          for (const name of names) {
            await writeEvent(session, tenant, { type: "rollout-decided", data: { name } });
            // The longer it takes, the more of the others overtake it.
            await sleep((writer * 7 + turn * 3) % 23);
          }
          if (!isKept) throw new Error("rolled back");
        })
        .catch((error: Error) => expect(error.message).toBe("rolled back"));
      if (isKept) for (const name of names) written.add(name);
    }
  });
  await Promise.all(writers);
  isOver = true;
  await Promise.all([reading, numbering]);
  // Whoever gave numbers last may have looked before the last commit.
  await expect.poll(() => query(server, "SELECT FROM outbox")).toEqual([]);
  for (let before = -1; before < seen.length; ) {
    before = seen.length;
    await read();
  }
  const names = seen.map(({ data }) => String(data["name"]));
  expect(names).toHaveLength(written.size);
  expect(new Set(names)).toEqual(written);
  // What one transaction says comes in the order in which it says it.
  const places = new Map(names.map((name, at) => [name, at]));
  for (const name of names.filter((one) => !one.endsWith("-0"))) {
    const [writer, turn, at] = name.split("-");
    expect(places.get(name)).toBeGreaterThan(places.get(`${writer}-${turn}-${Number(at) - 1}`) ?? Number.NaN);
  }
});

test("the life of a device is told: new, accepted, changed, rejected, gone", async () => {
  const before = await newest();
  const { device, set } = await makeDevice(server, "pending", { sn: "told" });
  const status = (to: string) => server.request("PUT", `${DEVAUTH}/${device}/auth/${set}/status`, { status: to });
  await status("accepted");
  const report = (attributes: Record<string, string>) =>
    keepInventory(postgres(), server.tenant.id, device, { attributes, timeZone: undefined, replaces: true });
  await report({ a: "1", b: "1" });
  await report({ a: "1", b: "1" });
  await report({ b: "2", c: "3" });
  await server.request("PUT", `/api/management/v1/inventory/devices/${device}/group`, { group: "lab" });
  await status("rejected");
  await server.request("DELETE", `${DEVAUTH}/${device}`);
  const told = await eventsAfter(before);
  expect(told.map(({ type, data }) => [type, data])).toEqual([
    ["device-status-changed", { id: device, status: "pending", before: "noauth", group: null }],
    ["device-status-changed", { id: device, status: "accepted", before: "pending", group: null }],
    [
      "device-provisioned",
      expect.objectContaining({
        ...{ id: device, status: "accepted" },
        auth_sets: [expect.objectContaining({ id: set, identity_data: { sn: "told" }, status: "accepted" })],
      }),
    ],
    ["device-inventory-changed", { id: device, group: null, changed: ["a", "b"] }],
    ["device-inventory-changed", { id: device, group: null, changed: ["a", "b", "c"] }],
    ["device-status-changed", { id: device, status: "rejected", before: "accepted", group: "lab" }],
    ["device-decommissioned", { id: device, group: "lab" }],
  ]);
  expect(new Set(told.map(({ key }) => key)).size).toBe(told.length);
});

test("what a person is refused is not told, and what they do is told with its audit record", async () => {
  const before = await newest();
  expect((await server.request("DELETE", `${DEVAUTH}/${crypto.randomUUID()}`)).status).toBe(404);
  expect(await eventsAfter(before)).toEqual([]);
  const { device } = await makeDevice(server);
  await server.request("DELETE", `${DEVAUTH}/${device}`);
  await eventsAfter(before);
  const all = await readEvents(postgres(), server.tenant.id, { after: before, limit: 100 });
  expect(all.at(-1)).toMatchObject({
    type: "audit-recorded",
    data: { action: "decommission", object: { id: device }, actor: { email: "admin@example.com" } },
  });
});

test("a deployment is told when it is created, starts, fails on a device, ends and is aborted", async () => {
  await addArtifact(server, "release-9");
  const { device } = await makeDevice(server);
  const before = await newest();
  const body = { name: "july", artifact_name: "release-9", devices: [device], retries: 1 };
  const created = await server.request("POST", DEPLOYMENTS, body);
  const id = created.headers.get("location")?.split("/").at(-1) ?? "";
  const [row] = await query<{ id: string }>(server, "SELECT id FROM auth_sets WHERE device_id = $1", device);
  const claims = { jti: row?.id ?? "", sub: device, tenant: server.tenant.id, kind: "device" } as const;
  const token = await server.server.services.tokens.sign(claims, 600);
  const asDevice = (method: string, path: string, json: object): Promise<Response> =>
    fetch(`${server.url}/api/devices/${path}`, {
      ...{ method, body: JSON.stringify(json) },
      headers: { authorization: `Bearer ${token}`, "content-type": "application/json" },
    });
  const poll = () =>
    asDevice("POST", "v2/deployments/device/deployments/next", {
      device_provides: { device_type: "board-a", artifact_name: "release-8" },
    });
  const report = (status: string) =>
    asDevice("PUT", `v1/deployments/device/deployments/${id}/status`, { status, substate: "x" });
  for (let attempt = 0; attempt < 2; attempt += 1) {
    expect((await poll()).status).toBe(200);
    await report("installing");
    expect((await report("failure")).status).toBe(204);
    // The answer was lost.
    await report("failure");
  }
  const named = { id, name: "july", artifact_name: "release-9" };
  expect((await eventsAfter(before)).map(({ type, data }) => [type, data])).toEqual([
    ["deployment-created", { ...named, target: { kind: "list" }, device_count: 1 }],
    ["deployment-started", named],
    ["deployment-device-failed", { ...named, device, group: null, substate: "x", will_retry: true }],
    ["deployment-device-failed", { ...named, device, group: null, substate: "x", will_retry: false }],
    ["deployment-finished", { ...named, counts: { failure: 1 } }],
  ]);
  const other = await addDeployment(server, { release: "release-9", devices: [device] });
  const later = await newest();
  await server.request("PUT", `${DEPLOYMENTS}/${other}/status`, { status: "aborted" });
  expect((await eventsAfter(later)).map(({ type, data }) => [type, data["id"]])).toEqual([
    ["deployment-aborted", other],
  ]);
});
