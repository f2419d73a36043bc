import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, expect, test } from "vitest";
import { setAuthSetStatus } from "../../server/adapters/postgres/device-status.ts";
import { TestDevice } from "../support/server/test-device.ts";
import { startTestServer, type TestServer } from "../support/server/test-server.ts";

let server: TestServer;
beforeAll(async () => {
  server = await startTestServer();
});
afterAll(() => server.close());

const postgres = () => server.server.services.postgres;
const rows = <T extends Record<string, unknown>>(text: string, ...values: unknown[]): Promise<T[]> =>
  postgres().inTenant(server.tenant.id, (session) => session.raw<T>(text, values));

async function sets(device: TestDevice): Promise<{ id: string; device_id: string; status: string }[]> {
  return rows(
    `SELECT s.id, s.device_id, s.status FROM auth_sets s JOIN devices d ON d.id = s.device_id
      WHERE d.identity = $1::jsonb ORDER BY s.created_at`,
    JSON.stringify(device.identity),
  );
}

async function decide(device: TestDevice, status: "accepted" | "rejected", at = 0): Promise<void> {
  const set = (await sets(device))[at];
  await postgres().inTenant(server.tenant.id, (session) =>
    setAuthSetStatus(session, server.tenant.id, set?.device_id ?? "", set?.id ?? "", status),
  );
}

const provides = { artifact_name: "v0", device_type: "board-a" };

for (const kind of ["rsa", "ecdsa", "ed25519"] as const)
  test(`a device with a key of ${kind} waits, is accepted, polls, and is rejected at once`, async () => {
    const device = new TestDevice(server.url, `mac-${kind}`, { kind, tenantToken: server.tenant.token });
    const waiting = await device.authenticate();
    expect([waiting.status, waiting.body.code]).toEqual([401, "DEVICE_NOT_ACCEPTED"]);
    expect(waiting.body.request_id).toBe(waiting.headers.get("x-men-requestid"));
    expect((await device.authenticate()).status).toBe(401);
    expect((await sets(device)).map(({ status }) => status)).toEqual(["pending"]);
    await decide(device, "accepted");
    const accepted = await device.authenticate();
    expect([accepted.status, accepted.headers.get("content-type")]).toEqual([200, "application/jwt"]);
    expect(accepted.body).toMatch(/^[\w-]+\.[\w-]+\.[\w-]+$/);
    expect((await device.next(provides)).status).toBe(204);
    await decide(device, "rejected");
    await expect.poll(async () => (await device.next(provides)).status).toBe(401);
    expect((await device.authenticate()).status).toBe(401);
    // Tokens of the time before stay revoked.
    await decide(device, "accepted");
    expect((await device.next(provides)).status).toBe(401);
    expect((await device.authenticate()).status).toBe(200);
    expect((await device.next(provides)).status).toBe(204);
  });

test("a device without a tenant token belongs to the only tenant; the order of its identity does not matter", async () => {
  const device = new TestDevice(server.url, "only");
  Object.assign(device.identity, { serial: "1" });
  await device.authenticate();
  const reversed = JSON.stringify({ id_data: '{"serial":"1", "mac":"only"}', pubkey: device.pubkey });
  expect((await device.authenticate(reversed)).status).toBe(401);
  expect(await rows("SELECT identity FROM devices WHERE identity->>'mac' = 'only'")).toEqual([
    { identity: { mac: "only", serial: "1" } },
  ]);
});

test("an unknown tenant token is refused, and leaves nothing", async () => {
  const device = new TestDevice(server.url, "stray", { tenantToken: randomUUID() });
  expect((await device.authenticate()).status).toBe(401);
  expect(await sets(device)).toEqual([]);
});

test("a new key is a pending set of the same device, and the old token goes when it is accepted", async () => {
  const device = new TestDevice(server.url, "rotating");
  await device.authenticate();
  await decide(device, "accepted");
  await device.authenticate();
  const old = device.token;
  device.rotateKey("ecdsa");
  expect((await device.authenticate()).status).toBe(401);
  expect((await sets(device)).map(({ status }) => status)).toEqual(["accepted", "pending"]);
  expect((await device.next(provides)).status, "the old key is good until then").toBe(204);
  await decide(device, "accepted", 1);
  expect((await sets(device)).map(({ status }) => status)).toEqual(["rejected", "accepted"]);
  await expect.poll(async () => (await device.next(provides)).status).toBe(401);
  expect((await device.authenticate()).status).toBe(200);
  expect(device.token).not.toBe(old);
});

test("a preauthorized key is accepted by its first request", async () => {
  const device = new TestDevice(server.url, "announced");
  await device.authenticate();
  await rows("UPDATE auth_sets SET status = 'preauthorized' WHERE device_id = $1", (await sets(device))[0]?.device_id);
  expect((await device.authenticate()).status).toBe(200);
  expect((await device.next(provides)).status).toBe(204);
  expect((await sets(device)).map(({ status }) => status)).toEqual(["accepted"]);
});

test("a decommissioned device begins anew as pending", async () => {
  const device = new TestDevice(server.url, "gone");
  await device.authenticate();
  await decide(device, "accepted");
  await device.authenticate();
  await device.next(provides);
  await rows("DELETE FROM devices WHERE identity->>'mac' = 'gone'");
  await expect.poll(async () => (await device.next(provides)).status).toBe(401);
  expect((await device.authenticate()).status).toBe(401);
  expect((await sets(device)).map(({ status }) => status)).toEqual(["pending"]);
});

test("the same token comes back to a device that authenticates again, until something changes", async () => {
  const device = new TestDevice(server.url, "storming");
  await device.authenticate();
  await decide(device, "accepted");
  await device.authenticate();
  const { token } = device;
  await device.authenticate();
  expect(device.token).toBe(token);
});

test("while too many wait for the database, an authentication is told when to come back", async () => {
  const services = postgres();
  const { usage } = services;
  Object.assign(services, { usage: () => ({ ...usage(), waiting: 501 }) });
  const answer = await new TestDevice(server.url, "crowded").authenticate();
  Object.assign(services, { usage });
  expect([answer.status, answer.body.code]).toEqual([429, "TOO_MANY_REQUESTS"]);
  expect(Number(answer.headers.get("retry-after"))).toBeGreaterThanOrEqual(30);
});

const other = new TestDevice("", "other");
for (const [title, make, expected] of [
  ["no signature", (d: TestDevice) => [d.authBody(), null], [400, "REQUEST_INVALID"]],
  [
    "a signature of another key",
    (d: TestDevice) => [d.authBody(), other.signatureOf(d.authBody())],
    [401, "DEVICE_SIGNATURE"],
  ],
  [
    "a body that was changed after signing",
    (d: TestDevice) => [d.authBody().replace("forged", "forgee"), d.signatureOf(d.authBody())],
    [401, "DEVICE_SIGNATURE"],
  ],
  [
    "one space more than was signed",
    (d: TestDevice) => [`${d.authBody()} `, d.signatureOf(d.authBody())],
    [401, "DEVICE_SIGNATURE"],
  ],
  ["a signature that is not base64", (d: TestDevice) => [d.authBody(), "%%%"], [401, "DEVICE_SIGNATURE"]],
  ["no JSON", (d: TestDevice) => ["{", d.signatureOf("{")], [400, "REQUEST_INVALID"]],
  ["an identity that is no object", (d: TestDevice) => signed(d, { id_data: "[1]" }), [400, "REQUEST_INVALID"]],
  ["a nested identity", (d: TestDevice) => signed(d, { id_data: '{"a":{"b":"c"}}' }), [400, "REQUEST_INVALID"]],
  ["an identity with NUL", (d: TestDevice) => signed(d, { id_data: '{"a":"\\u0000"}' }), [400, "REQUEST_INVALID"]],
  ["no key", (d: TestDevice) => signed(d, { pubkey: "-----BEGIN PUBLIC KEY-----\n" }), [400, "REQUEST_INVALID"]],
  ["a body of 65 KiB", (d: TestDevice) => signed(d, { more: "x".repeat(65 * 1024) }), [413, "REQUEST_TOO_LARGE"]],
] as const)
  test(`${title} is refused, and leaves nothing`, async () => {
    const device = new TestDevice(server.url, "forged");
    const [body, signature] = make(device);
    const answer = await device.authenticate(body ?? "", signature);
    expect([answer.status, answer.body.code]).toEqual(expected);
    expect(await rows("SELECT id FROM devices WHERE identity->>'mac' LIKE 'forge%'")).toEqual([]);
  });

function signed(device: TestDevice, change: object): [string, string] {
  const body = JSON.stringify({ ...JSON.parse(device.authBody()), ...change });
  return [body, device.signatureOf(body)];
}

test("the answer to an act waits until its process has noticed the change, but not without end", async () => {
  const device = new TestDevice(server.url, "at-once", { tenantToken: server.tenant.token });
  await device.authenticate();
  const [set] = await sets(device);
  const path = `/api/management/v2/devauth/devices/${set?.device_id}/auth/${set?.id}/status`;
  const decideAsPerson = async (status: string) => (await server.request("PUT", path, { status })).status;
  expect(await decideAsPerson("accepted")).toBe(204);
  expect([(await device.authenticate()).status, (await device.next(provides)).status]).toEqual([200, 204]);
  const [listener] = await rows<{ pid: number }>(
    "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND query ~ '^(LISTEN|SELECT 1$)'",
  );
  if (listener === undefined) throw new Error("nobody listens for notices");
  const { pid } = listener;
  process.kill(pid, "SIGSTOP");
  try {
    let isAnswered = false;
    const rejected = decideAsPerson("rejected").finally(() => {
      isAnswered = true;
    });
    await expect.poll(async () => (await sets(device))[0]?.status).toBe("rejected");
    expect(isAnswered).toBe(false);
    process.kill(pid, "SIGCONT");
    expect(await rejected).toBe(204);
    expect([(await device.next(provides)).status, (await device.authenticate()).status]).toEqual([401, 401]);
    process.kill(pid, "SIGSTOP");
    expect(await decideAsPerson("accepted")).toBe(204);
  } finally {
    process.kill(pid, "SIGCONT");
  }
});
