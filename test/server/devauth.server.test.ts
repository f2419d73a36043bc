import { generateKeyPairSync, randomUUID } from "node:crypto";
import { afterAll, beforeAll, expect, test } from "vitest";
import { makeDevice } from "../support/server/test-devices.ts";
import { startTestServer, type TestServer } from "../support/server/test-server.ts";

const DEVICES = "/api/management/v2/devauth/devices";
let server: TestServer;
beforeAll(async () => {
  server = await startTestServer();
});
afterAll(() => server.close());

const json = async <T>(method: string, path: string, body?: unknown): Promise<{ status: number; body: T }> => {
  const answer = await server.request(method, path, body);
  const text = await answer.text();
  return { status: answer.status, body: (text === "" ? undefined : JSON.parse(text)) as T };
};
type Listed = { id: string; status: string; auth_sets: { id: string; status: string; pubkey: string }[] }[];
const pem = (): string => generateKeyPairSync("ed25519").publicKey.export({ type: "spki", format: "pem" }).toString();

test("devices are listed by status and id, in pages, with their number", async () => {
  const made = await Promise.all([makeDevice(server, "pending"), makeDevice(server), makeDevice(server)]);
  const page = await server.request("GET", `${DEVICES}?status=accepted&per_page=1`);
  expect(page.headers.get("x-total-count")).toBe("2");
  expect(page.headers.get("link")).toContain(`<${DEVICES}?status=accepted&per_page=1&page=2>; rel="next"`);
  expect((await page.json()) as Listed).toHaveLength(1);
  const ids = made.map(({ device }) => device);
  const search = await json<Listed>("POST", `${DEVICES}/search`, {
    status: ["pending", "accepted"],
    id: ids.slice(0, 2),
  });
  expect(search.body.map(({ id, status }) => [id, status]).toSorted()).toEqual(
    [
      [ids[0], "pending"],
      [ids[1], "accepted"],
    ].toSorted(),
  );
  expect((await json("GET", `${DEVICES}/count?status=accepted`)).body).toEqual({ count: 2 });
  expect((await json("GET", `${DEVICES}/count`)).body).toEqual({ count: 3 });
  expect((await json<Listed[0]>("GET", `${DEVICES}/${ids[0]}`)).body.auth_sets).toMatchObject([{ status: "pending" }]);
  expect((await json("GET", "/api/management/v2/devauth/limits/max_devices")).body).toEqual({ limit: 0 });
});

test("a person accepts, rejects and dismisses a key, and each act is in the audit log", async () => {
  const { device, set } = await makeDevice(server, "pending");
  const path = `${DEVICES}/${device}/auth/${set}`;
  for (const status of ["accepted", "rejected", "pending", "accepted"]) {
    expect(await json("PUT", `${path}/status`, { status })).toEqual({ status: 204, body: undefined });
    expect((await json("GET", `${path}/status`)).body).toEqual({ status });
    expect((await json("GET", `${DEVICES}/${device}`)).body).toMatchObject({ status });
  }
  expect((await json("DELETE", path)).status).toBe(204);
  expect((await json("GET", `${DEVICES}/${device}`)).body).toMatchObject({ status: "noauth", auth_sets: [] });
  expect((await json("DELETE", path)).status).toBe(404);
  const rows = await server.server.services.postgres.inTenant(server.tenant.id, (session) =>
    session.raw("SELECT action FROM audit WHERE object ->> 'id' = $1 ORDER BY seq", [device]),
  );
  expect(rows.map(({ action }) => action)).toEqual(["accept", "reject", "update", "accept", "dismiss"]);
});

test("a decommissioned device is gone", async () => {
  const { device } = await makeDevice(server);
  expect((await json("DELETE", `${DEVICES}/${device}`)).status).toBe(204);
  expect((await json("GET", `${DEVICES}/${device}`)).status).toBe(404);
  expect((await json("DELETE", `${DEVICES}/${device}`)).status).toBe(404);
});

test("a device is preauthorized once, and with force gets one more key", async () => {
  const identity_data = { mac: "aa:bb", sn: "1" };
  const first = await server.request("POST", DEVICES, { identity_data, pubkey: pem() });
  expect([first.status, await first.text()]).toEqual([201, ""]);
  const path = first.headers.get("location") ?? "";
  expect((await json("GET", path)).body).toMatchObject({ status: "preauthorized", identity_data });
  // The same identity in another order.
  const again = await json<Listed[0]>("POST", DEVICES, { identity_data: { sn: "1", mac: "aa:bb" }, pubkey: pem() });
  expect([again.status, again.body]).toMatchObject([409, { id: path.split("/").at(-1), status: "preauthorized" }]);
  expect((await json("POST", DEVICES, { identity_data, pubkey: pem(), force: true })).status).toBe(201);
  expect((await json<Listed[0]>("GET", path)).body.auth_sets).toHaveLength(2);
  for (const [why, body] of [
    ["no key", { identity_data: { sn: "2" }, pubkey: "nonsense" }],
    ["no identity", { identity_data: {}, pubkey: pem() }],
    ["a character that PostgreSQL cannot store", { identity_data: { sn: "a\u0000" }, pubkey: pem() }],
  ] as const)
    expect((await json("POST", DEVICES, body)).status, why).toBe(400);
});

test("many devices are accepted at once, and those that cannot be are named", async () => {
  const made = await Promise.all([
    makeDevice(server, "pending"),
    makeDevice(server, "pending"),
    makeDevice(server, "rejected"),
  ]);
  const [a, b, rejected] = made.map(({ device }) => device);
  const unknown = randomUUID();
  const answer = await json<{ changed: string[]; refused: unknown[] }>("POST", `${DEVICES}/bulk`, {
    action: "accept",
    device_ids: [a, rejected, unknown, b],
  });
  expect(answer.body.changed).toEqual([a, b]);
  expect(answer.body.refused).toMatchObject([
    { id: rejected, code: "NOT_POSSIBLE" },
    { id: unknown, code: "NOT_FOUND" },
  ]);
  expect((await json("POST", `${DEVICES}/bulk`, { action: "reject", device_ids: [a] })).body).toMatchObject({
    changed: [a],
  });
  expect((await json("GET", `${DEVICES}/${a}`)).body).toMatchObject({ status: "rejected" });
});

test("tokens of a key are revoked from now on", async () => {
  const { device, set } = await makeDevice(server);
  const before = Date.now();
  expect((await json("DELETE", `/api/management/v2/devauth/tokens/${set}`)).status).toBe(204);
  const [row] = await server.server.services.postgres.inTenant(server.tenant.id, (session) =>
    session.raw<{ tokens_valid_from: Date }>("SELECT tokens_valid_from FROM auth_sets WHERE device_id = $1", [device]),
  );
  expect(row?.tokens_valid_from.getTime()).toBeGreaterThanOrEqual(before - 1000);
  expect((await json("DELETE", `/api/management/v2/devauth/tokens/${randomUUID()}`)).status).toBe(404);
});

test("what is not an id, a status or a page is refused", async () => {
  for (const path of ["/x", "?page=0", "?per_page=501", "?status=happy", "/count?status=happy"])
    expect((await json("GET", `${DEVICES}${path}`)).status, path).toBe(400);
});
