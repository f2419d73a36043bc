import { execFileSync } from "node:child_process";
import { createServer } from "node:net";
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import { hashPassword } from "../../server/adapters/passwords/passwords.ts";
import { addTenant, addUser } from "../../server/adapters/postgres/people.ts";
import { removeOldEvents } from "../../server/adapters/postgres/retention.ts";
import { query } from "../support/server/seed.ts";
import { makeDevice } from "../support/server/test-devices.ts";
import { logIn, startTestServer, type TestServer } from "../support/server/test-server.ts";
import { type Receiver, startReceiver } from "../support/server/webhook-receiver.ts";

const IOT = "/api/management/v1/iot-manager";
const INTEGRATIONS = `${IOT}/integrations`;
const SECRET = "00112233445566778899aabbccddeeff";
let server: TestServer;
let receiver: Receiver;
const made: string[] = [];
beforeAll(async () => {
  server = await startTestServer({ webhookAllow: ["127.0.0.1"] });
  receiver = await startReceiver();
});
afterEach(async () => {
  receiver.answer = undefined;
  receiver.received.length = 0;
  for (const id of made.splice(0)) await server.request("DELETE", `${INTEGRATIONS}/${id}`);
});
afterAll(async () => {
  await server.close();
  await receiver.close();
});

const http = (url: string, secret?: string) => ({ type: "http", http: { url, ...(secret && { secret }) } });

async function create(url = receiver.url, more: object = {}): Promise<string> {
  const body = { provider: "webhook", credentials: http(url, SECRET), ...more };
  const answer = await server.request("POST", INTEGRATIONS, body);
  expect(answer.status, await answer.text()).toBe(201);
  const id = answer.headers.get("location")?.split("/").at(-1) ?? "";
  made.push(id);
  return id;
}

const get = async <T>(path: string): Promise<T> => (await server.request("GET", path)).json() as Promise<T>;
const deliveries = (id: string, query = "") =>
  get<Record<string, unknown>[]>(`${INTEGRATIONS}/${id}/deliveries${query}`);
const types = () => receiver.received.map(({ body }) => body.type);

/** Lets what waits for its next attempt be due. */
const hurry = async (id: string): Promise<void> => {
  await query(server, "UPDATE webhook_deliveries SET next_at = now() WHERE webhook_id = $1", id);
  await query(server, "UPDATE webhook_queues SET due_at = now() WHERE webhook_id = $1 AND due_at <> 'infinity'", id);
};

test("an event is delivered with Mender's body and a signature that openssl makes, too", async () => {
  const id = await create();
  const { device } = await makeDevice(server, "accepted", { sn: "signed" });
  await expect.poll(types).toEqual(["device-status-changed", "device-provisioned"]);
  const [, one] = receiver.received;
  expect(one?.body).toEqual({
    id: expect.stringMatching(/^[0-9a-f-]{36}$/),
    type: "device-provisioned",
    data: expect.objectContaining({ id: device, status: "accepted", auth_sets: [expect.anything()] }),
    time: expect.stringMatching(/^\d{4}-\d\d-\d\dT.*Z$/),
  });
  expect(one?.headers).toMatchObject({ "content-type": "application/json" });
  const digest = execFileSync("openssl", ["dgst", "-sha256", "-mac", "HMAC", "-macopt", `hexkey:${SECRET}`], {
    input: one?.text,
  });
  expect(one?.headers["x-men-signature"]).toBe(digest.toString().trim().split(" ").at(-1));
  await expect.poll(() => deliveries(id)).toHaveLength(2);
  await expect
    .poll(() => deliveries(id))
    .toMatchObject([
      { id: one?.body.id, type: "device-provisioned", state: "delivered", attempts: 1, status_code: 204 },
      { type: "device-status-changed", state: "delivered" },
    ]);
  expect(await get(`${IOT}/events?integration_id=${id}&per_page=1`)).toMatchObject([
    { ...one?.body, delivery_statuses: [{ integration_id: id, success: true, status_code: 204 }] },
  ]);
});

test("a webhook shows that it has a secret, and never which", async () => {
  const id = await create(receiver.url, { description: "to the lab", events: ["deployment-created"] });
  const text = await (await server.request("GET", INTEGRATIONS)).text();
  expect(text).not.toContain(SECRET);
  expect(JSON.parse(text)).toMatchObject([
    {
      ...{ id, provider: "webhook", description: "to the lab", events: ["deployment-created"], status: "active" },
      credentials: { type: "http", http: { url: receiver.url, secret: "<omitted>" } },
    },
  ]);
  const logs = await (await server.request("GET", "/api/management/v1/auditlogs/logs?object_type=integration")).text();
  expect(logs).toContain(id);
  expect(logs).not.toContain(SECRET);
});

test("what the receiver refuses comes again, with the same id, until it takes it", async () => {
  const id = await create();
  const statuses = [500, 302, 204];
  receiver.answer = (response) => response.writeHead(statuses.shift() ?? 204, { location: receiver.url }).end();
  const { device } = await makeDevice(server, "pending");
  await expect.poll(() => deliveries(id)).toMatchObject([{ state: "waiting", attempts: 1, status_code: 500 }]);
  expect(await get(INTEGRATIONS)).toMatchObject([{ id, status: "failing" }]);
  await hurry(id);
  await expect
    .poll(() => deliveries(id, "?state=waiting"))
    .toMatchObject([{ attempts: 2, error: "status 302: redirects are not followed" }]);
  await hurry(id);
  await expect.poll(() => deliveries(id)).toMatchObject([{ state: "delivered", attempts: 3 }]);
  expect(await get(INTEGRATIONS)).toMatchObject([{ id, status: "active" }]);
  expect(new Set(receiver.received.map(({ body }) => body.id)).size).toBe(1);
  expect(receiver.received).toHaveLength(3);
  expect(receiver.received[0]?.body.data["id"]).toBe(device);
});

test("a receiver that hangs does not hold up another one", async () => {
  const hanging = createServer(() => {});
  await new Promise<void>((resolve) => hanging.listen(0, "127.0.0.1", resolve));
  const { port } = hanging.address() as { port: number };
  const slow = await create(`http://127.0.0.1:${port}/`);
  await create();
  const start = performance.now();
  await makeDevice(server, "pending");
  await expect.poll(types).toEqual(["device-status-changed"]);
  expect(performance.now() - start).toBeLessThan(8000);
  expect(await deliveries(slow)).toMatchObject([{ state: "waiting", attempts: 0 }]);
  await expect
    .poll(() => deliveries(slow), { timeout: 60_000 })
    .toMatchObject([{ state: "waiting", attempts: 1, error: "no answer in time" }]);
  hanging.close();
});

test("a receiver that is down gets one event at a time, and all of them when it is back", async () => {
  const id = await create();
  receiver.answer = (response) => response.writeHead(503).end();
  for (let n = 0; n < 12; n += 1) await makeDevice(server, "pending");
  await expect.poll(() => query(server, "SELECT FROM outbox")).toEqual([]);
  await expect.poll(async () => (await get<{ status: string }[]>(INTEGRATIONS))[0]?.status).toBe("failing");
  const before = receiver.received.length;
  await hurry(id);
  await expect.poll(() => receiver.received.length).toBe(before + 1);
  receiver.answer = undefined;
  await expect
    .poll(async () => {
      await hurry(id);
      return (await deliveries(id, "?state=delivered")).length;
    })
    .toBe(12);
});

test("a webhook that fails for three days is disabled with the reason, and can be enabled", async () => {
  const id = await create();
  receiver.answer = (response) => response.writeHead(410).end();
  await makeDevice(server, "pending");
  await expect.poll(async () => (await get<{ status: string }[]>(INTEGRATIONS))[0]?.status).toBe("failing");
  await query(server, "UPDATE webhooks SET failing_since = now() - interval '3 days 1 minute' WHERE id = $1", id);
  await hurry(id);
  await expect.poll(() => get(INTEGRATIONS)).toMatchObject([{ id, status: "disabled", reason: "status 410" }]);
  expect(await deliveries(id)).toMatchObject([{ state: "failed", attempts: 2 }]);
  receiver.answer = undefined;
  const before = receiver.received.length;
  await makeDevice(server, "pending");
  await expect.poll(() => query(server, "SELECT FROM outbox")).toEqual([]);
  expect(receiver.received).toHaveLength(before);
  expect((await server.request("POST", `${INTEGRATIONS}/${id}/enable`)).status).toBe(204);
  await makeDevice(server, "pending");
  await expect.poll(() => receiver.received.length).toBe(before + 1);
  expect(await get(INTEGRATIONS)).toMatchObject([{ id, status: "active" }]);
});

test("a test delivers at once and says how it went", async () => {
  const id = await create();
  const test = async () => (await server.request("POST", `${INTEGRATIONS}/${id}/test`)).json();
  expect(await test()).toEqual({ delivered: true, status_code: 204, duration_ms: expect.any(Number) });
  expect(receiver.received).toMatchObject([{ body: { type: "webhook-test", data: { integration_id: id } } }]);
  receiver.answer = (response) => response.writeHead(404).end("secret words of an inner service");
  expect(await test()).toEqual({
    ...{ delivered: false, status_code: 404, error: "status 404" },
    duration_ms: expect.any(Number),
  });
  const credentials = http("http://127.0.0.1:1/");
  expect((await server.request("PUT", `${INTEGRATIONS}/${id}/credentials`, credentials)).status).toBe(204);
  expect(await test()).toMatchObject({ delivered: false, error: "nothing listens at the address" });
});

for (const [what, url] of [
  ["a private address", "https://10.1.2.3/"],
  ["the metadata of a cloud", "http://169.254.169.254/latest/meta-data"],
  ["an address in another notation", "http://0x7f000002/"],
  ["this machine in version 6", "http://[::1]/"],
  ["version 4 in version 6", "http://[::ffff:10.0.0.1]/"],
  ["a user in the URL", "https://user:word@example.com/"],
  ["another scheme", "file:///etc/passwd"],
  ["no URL", "example.com/hook"],
] as const)
  test(`${what} is refused when a webhook is made`, async () => {
    const answer = await server.request("POST", INTEGRATIONS, { provider: "webhook", credentials: http(url) });
    expect([answer.status, await answer.json()]).toMatchObject([400, { code: "REQUEST_INVALID" }]);
  });

test("a name is refused when its address is private: the address is looked at when it is used", async () => {
  const strict = await startTestServer();
  const { port } = new URL(receiver.url);
  const body = { provider: "webhook", credentials: http(`http://localhost:${port}/hook`) };
  const created = await strict.request("POST", INTEGRATIONS, body);
  expect(created.status).toBe(201);
  const answer = await strict.request("POST", `${created.headers.get("location")}/test`);
  expect(await answer.json()).toMatchObject({
    ...{ delivered: false, error: "the address is private, and the server does not allow it" },
  });
  expect(receiver.received).toEqual([]);
  await strict.close();
});

test("wrong bodies are refused, and another tenant finds nothing", async () => {
  for (const [body, code] of [
    [{ provider: "iot-hub", credentials: http(receiver.url) }, "REQUEST_INVALID"],
    [{ provider: "webhook", credentials: http(receiver.url, "xyz") }, "REQUEST_INVALID"],
    [{ provider: "webhook", credentials: http(receiver.url), events: ["everything"] }, "REQUEST_INVALID"],
  ] as const) {
    const answer = await server.request("POST", INTEGRATIONS, body);
    expect([answer.status, await answer.json()]).toMatchObject([400, { code }]);
  }
  const id = await create();
  const { postgres } = server.server.services;
  const other = await postgres.shared((session) => addTenant(session, "other"));
  const hash = await hashPassword("correct horse battery");
  await postgres.inTenant(other.id, (session) => addUser(session, other.id, "other@example.com", hash));
  const token = await logIn(server.url, "other@example.com", "correct horse battery");
  const headers = { authorization: `Bearer ${token}` };
  expect(await (await fetch(`${server.url}${INTEGRATIONS}`, { headers })).json()).toEqual([]);
  for (const [method, path] of [
    ["GET", ""],
    ["DELETE", ""],
    ["GET", "/deliveries"],
    ["POST", "/test"],
    ["POST", "/enable"],
  ] as const)
    expect((await fetch(`${server.url}${INTEGRATIONS}/${id}${path}`, { method, headers })).status, path).toBe(404);
});

test("old events go, but none that waits for its delivery", async () => {
  const id = await create();
  receiver.answer = (response) => response.writeHead(500).end();
  await makeDevice(server, "pending");
  await expect.poll(() => deliveries(id, "?state=waiting")).toMatchObject([{ attempts: 1 }]);
  const { postgres } = server.server.services;
  const left = () => query<{ n: number }>(server, "SELECT count(*)::int AS n FROM events");
  const [before] = await left();
  await removeOldEvents(postgres, server.tenant.id, undefined, { days: 1, number: (before?.n ?? 0) - 3 });
  expect(await left()).toEqual([{ n: (before?.n ?? 0) - 3 }]);
  await removeOldEvents(postgres, server.tenant.id, new Date(Date.now() + 31 * 24 * 3600_000));
  expect(await left()).toEqual([{ n: 1 }]);
  receiver.answer = undefined;
  await hurry(id);
  await expect.poll(() => deliveries(id)).toMatchObject([{ state: "delivered" }]);
});
