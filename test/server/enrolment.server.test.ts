import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, expect, test } from "vitest";
import { enrol } from "../../server/adapters/postgres/enrolment.ts";
import { query } from "../support/server/seed.ts";
import { TestDevice } from "../support/server/test-device.ts";
import { makeDevice } from "../support/server/test-devices.ts";
import { startTestServer, type TestServer } from "../support/server/test-server.ts";

const RULES = "/api/management/v2/devauth/enrolment/rules";
const TOKENS = "/api/management/v2/devauth/enrolment/tokens";
const LOGS = "/api/management/v1/auditlogs/logs";
let server: TestServer;
beforeAll(async () => {
  server = await startTestServer();
});
afterAll(() => server.close());

const post = async (path: string, body: unknown) => {
  const answer = await server.request("POST", path, body);
  return { status: answer.status, body: JSON.parse((await answer.text()) || "null"), headers: answer.headers };
};
const idOf = ({ headers }: { readonly headers: Headers }): string => headers.get("location")?.split("/").at(-1) ?? "";
const mac = (identity: object) => ({ networks: [], ...identity });

async function addRule(name: string, rule: object): Promise<string> {
  const made = await post(RULES, { name, ...rule });
  expect([made.status, made.body]).toEqual([201, null]);
  return idOf(made);
}

async function makeToken(more: object = {}): Promise<{ readonly id: string; readonly token: string }> {
  const made = await post(TOKENS, { name: "line 3", expires_in: 3600, ...more });
  expect(made.status).toBe(201);
  return made.body as { id: string; token: string };
}

test("a device that fits a rule gets its token with its first request, and the audit log names the rule", async () => {
  const id = await addRule("of ours", mac({ identity: [{ attribute: "mac", regex: "02:00:00:.*" }] }));
  const fitting = new TestDevice(server.url, "02:00:00:00:00:01");
  expect((await fitting.authenticate()).status).toBe(200);
  expect((await fitting.next({ artifact_name: "a", device_type: "b" })).status).toBe(204);
  // The expression must match the whole value.
  const other = new TestDevice(server.url, "x02:00:00:00:00:02");
  expect((await other.authenticate()).status).toBe(401);
  const [record] = (await (await server.request("GET", `${LOGS}?object_type=device`)).json()) as object[];
  expect(record).toMatchObject({
    ...{ action: "accept", actor: { type: "enrolment-rule", id, name: "of ours" } },
    origin: { address: "127.0.0.1" },
    difference: { status: { before: "pending", after: "accepted" } },
  });
  expect((await server.request("DELETE", `${RULES}/${id}`)).status).toBe(204);
  expect((await new TestDevice(server.url, "02:00:00:00:00:03").authenticate()).status).toBe(401);
  expect((await fitting.authenticate()).status).toBe(200);
});

test("a rule first says what it would accept of the devices that wait, and accepts them when they ask again", async () => {
  const [one, two] = ["aa:01", "aa:02"].map((text) => new TestDevice(server.url, text));
  for (const device of [one, two]) expect((await device?.authenticate())?.status).toBe(401);
  const listed = mac({ name: "list", identity: [{ attribute: "mac", values: ["aa:01", "aa:09"] }] });
  const preview = await post(`${RULES}/preview`, listed);
  expect(preview).toMatchObject({ status: 200, body: { matching: 1, device_ids: [expect.any(String)] } });
  expect(preview.body.pending).toBeGreaterThanOrEqual(2);
  expect((await one?.authenticate())?.status).toBe(401);
  const id = await addRule("list", listed);
  expect((await one?.authenticate())?.status).toBe(200);
  expect((await two?.authenticate())?.status).toBe(401);
  await server.request("DELETE", `${RULES}/${id}`);
});

test("a rule can ask for the network, and all of its conditions must hold", async () => {
  const anywhere = { identity: [{ attribute: "mac", regex: "bb:.*" }] };
  const far = await addRule("far", { ...anywhere, networks: ["10.0.0.0/8", "2001:db8::/32"] });
  const device = new TestDevice(server.url, "bb:01");
  expect((await device.authenticate()).status).toBe(401);
  const near = await addRule("near", { ...anywhere, networks: ["127.0.0.0/8"] });
  expect((await device.authenticate()).status).toBe(200);
  expect((await new TestDevice(server.url, "cc:01").authenticate()).status).toBe(401);
  for (const id of [far, near]) await server.request("DELETE", `${RULES}/${id}`);
});

test("a device with a second key is not accepted by a rule or a token: the identity alone proves nothing", async () => {
  const id = await addRule("all dd", mac({ identity: [{ attribute: "mac", regex: "dd:.*" }] }));
  const { token } = await makeToken();
  const device = new TestDevice(server.url, "dd:01", { tenantToken: token });
  expect((await device.authenticate()).status).toBe(200);
  const thief = new TestDevice(server.url, "dd:01", { tenantToken: token });
  expect((await thief.authenticate()).status).toBe(401);
  expect((await thief.authenticate()).status).toBe(401);
  // One that a person has rejected stays out.
  await query(server, "UPDATE auth_sets SET status = 'rejected' WHERE status = 'accepted'");
  expect((await device.authenticate()).status).toBe(401);
  await server.request("DELETE", `${RULES}/${id}`);
});

test("rules that are not valid are refused, and so is one that fits everybody", async () => {
  for (const rule of [
    {},
    { identity: [], networks: [] },
    { identity: [{ attribute: "mac", regex: "a)|(b" }] },
    { identity: [{ attribute: "mac", regex: "(?=a)" }] },
    { networks: ["10.0.0.0/33"] },
    { networks: ["everywhere"] },
    { identity: [{ attribute: "mac" }] },
    { identity: [{ attribute: "mac", regex: "a", values: ["b"] }] },
  ])
    expect(await post(RULES, { name: "wrong", ...rule }), JSON.stringify(rule)).toMatchObject({
      ...{ status: 400, body: { code: "REQUEST_INVALID" } },
    });
  const id = await addRule("twice", { networks: ["192.0.2.1"] });
  expect(await post(RULES, { name: "twice", networks: ["192.0.2.1"] })).toMatchObject({ status: 409 });
  await server.request("DELETE", `${RULES}/${id}`);
  expect((await server.request("DELETE", `${RULES}/${id}`)).status).toBe(404);
});

test("an expression that others would search for ever ends at once", async () => {
  const id = await addRule("slow elsewhere", mac({ identity: [{ attribute: "mac", regex: "(a+)+(a+)+b" }] }));
  expect((await new TestDevice(server.url, "a".repeat(5000)).authenticate()).status).toBe(401);
  await server.request("DELETE", `${RULES}/${id}`);
});

test("an enrolment token lets in as many devices as it says, and is shown once", async () => {
  const { id, token } = await makeToken({ max_uses: 2 });
  const devices = ["e1", "e2", "e3"].map((name) => new TestDevice(server.url, name, { tenantToken: token }));
  const first = await Promise.all(devices.map((device) => device.authenticate()));
  expect(first.map(({ status }) => status).toSorted()).toEqual([200, 200, 401]);
  // They come again, and use it up no more.
  const again = await Promise.all(devices.map((device) => device.authenticate()));
  expect(again.map(({ status }) => status)).toEqual(first.map(({ status }) => status));
  const text = await (await server.request("GET", TOKENS)).text();
  expect(text).not.toContain(token);
  expect(JSON.parse(text)[0]).toMatchObject({ id, name: "line 3", state: "used", uses: 2, max_uses: 2 });
  const rows = await query(server, "SELECT object FROM audit WHERE actor ->> 'id' = $1", id);
  expect(rows).toHaveLength(2);
});

test("a device that is not accepted in the end takes no use of a token", async () => {
  const { token } = await makeToken({ max_uses: 1 });
  const { device } = await makeDevice(server, "pending");
  const { postgres } = server.server.services;
  const application = { device, authSet: randomUUID(), address: "127.0.0.1", token };
  const enrolled = await postgres.inTenant(server.tenant.id, (session) =>
    enrol(session, server.tenant.id, application),
  );
  expect(enrolled).toBe(false);
  const late = new TestDevice(server.url, "02:00:00:00:09:09", { tenantToken: token });
  expect((await late.authenticate()).status).toBe(200);
});

test("a token that has expired or was revoked lets nobody in, and those who came in by it stay", async () => {
  const { id, token } = await makeToken();
  const inside = new TestDevice(server.url, "f1", { tenantToken: token });
  expect((await inside.authenticate()).status).toBe(200);
  await query(server, "UPDATE enrolment_tokens SET expires_at = now() WHERE id = $1", id);
  const late = new TestDevice(server.url, "f2", { tenantToken: token });
  expect((await late.authenticate()).status).toBe(401);
  await query(server, "UPDATE enrolment_tokens SET expires_at = now() + interval '1 hour' WHERE id = $1", id);
  expect((await server.request("DELETE", `${TOKENS}/${id}`)).status).toBe(204);
  expect((await late.authenticate()).status).toBe(401);
  expect((await inside.authenticate()).status).toBe(200);
  const states = (await (await server.request("GET", TOKENS)).json()) as { id: string; state: string }[];
  expect(states.find((one) => one.id === id)?.state).toBe("revoked");
  expect((await new TestDevice(server.url, "f3", { tenantToken: "enrol-unknown" }).authenticate()).status).toBe(401);
});

test("at the limit of devices, a device that fits goes on waiting", async () => {
  const id = await addRule("limited", mac({ identity: [{ attribute: "mac", regex: "gg:.*" }] }));
  const { postgres } = server.server.services;
  const limit = (n: number) => postgres.shared((session) => session.raw("UPDATE tenants SET max_devices = $1", [n]));
  await limit(1);
  const device = new TestDevice(server.url, "gg:01");
  expect((await device.authenticate()).status).toBe(401);
  const pending = await query(server, `SELECT status FROM devices WHERE identity = '{"mac": "gg:01"}'`);
  expect(pending).toEqual([{ status: "pending" }]);
  await limit(0);
  expect((await device.authenticate()).status).toBe(200);
  await server.request("DELETE", `${RULES}/${id}`);
});
