import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, expect, test } from "vitest";
import { addTenant } from "../../../server/adapters/postgres/people.ts";
import { type Route, routesOf } from "../../support/server/api-routes.ts";
import { badTokens } from "../../support/server/bad-tokens.ts";
import { addArtifact, addDeployment, enroll, query } from "../../support/server/seed.ts";
import { TestDevice } from "../../support/server/test-device.ts";
import { makeDevice } from "../../support/server/test-devices.ts";
import { startTestServer, type TestServer } from "../../support/server/test-server.ts";

let server: TestServer;
let routes: readonly Route[];
let device: string;
let set: string;
let token: string;
let deployment: string;

beforeAll(async () => {
  server = await startTestServer();
  routes = routesOf(server, "/api/devices/").filter(({ isOpen }) => !isOpen);
  ({ device, set } = await makeDevice(server));
  token = await tokenOf(set, device, server.tenant.id);
  await addArtifact(server, "release-1");
  deployment = await addDeployment(server, { release: "release-1", devices: [device] });
  // The device is offered the deployment, and so has something to report about.
  const offered = await send({ method: "POST", path: `${V2}/next` }, token, {
    device_provides: { artifact_name: "release-0", device_type: "board-a" },
  });
  expect(offered.status).toBe(200);
});
afterAll(() => server.close());

const V2 = "/api/devices/v2/deployments/device/deployments";
const DECOMMISSION = "/api/management/v2/devauth/devices";

const tokenOf = (jti: string, sub: string, tenant: string): Promise<string> =>
  server.server.services.tokens.sign({ jti, sub, tenant, kind: "device" }, 3600);

/** Bodies that the routes take from their device. */
const BODIES: Readonly<Record<string, unknown>> = {
  "/status": { status: "success" },
  "/log": { messages: [{ timestamp: "2025-01-01T00:00:00Z", level: "info", message: "stolen" }] },
  "/attributes": [{ name: "stolen", value: "yes" }],
  "/configuration": { stolen: "yes" },
  "/v2/deployments/device/deployments/next": { device_provides: { artifact_name: "x", device_type: "board-a" } },
  "/v1/deployments/device/deployments/next": { artifact_name: "x", device_type: "board-a" },
};

async function send(
  { method, path }: Pick<Route, "method" | "path">,
  bearer: string | undefined,
  given?: unknown,
): Promise<Response> {
  const [, known = {}] = Object.entries(BODIES).find(([end]) => path.endsWith(end)) ?? [];
  const body = method === "GET" ? undefined : (given ?? known);
  return fetch(`${server.url}${path.replaceAll(/\{\w+\}/g, deployment)}`, {
    method,
    headers: {
      ...(bearer !== undefined && { authorization: `Bearer ${bearer}` }),
      ...(body !== undefined && { "content-type": "application/json" }),
    },
    ...(body !== undefined && { body: JSON.stringify(body) }),
  });
}

/** Everything that devices can change in the first tenant. */
const state = () =>
  query(
    server,
    `SELECT (SELECT jsonb_agg(d ORDER BY device_id) FROM device_deployments d) AS reports,
      (SELECT count(*) FROM deployment_logs) AS logs, (SELECT jsonb_agg(s ORDER BY id) FROM auth_sets s) AS sets,
      (SELECT jsonb_agg(i.attributes ORDER BY i.device_id) FROM inventory i JOIN devices d ON d.id = i.device_id) AS inventory,
      (SELECT jsonb_agg(c ORDER BY status, shard) FROM deployment_counts c) AS counts`,
  );

test("no route of devices answers without a token that is valid for a device", async () => {
  expect(routes.length).toBeGreaterThan(8);
  const before = await state();
  const rejected = await makeDevice(server);
  const revoked = await tokenOf(rejected.set, rejected.device, server.tenant.id);
  expect((await send({ method: "GET", path: "/api/devices/v1/deviceconfig/configuration" }, revoked)).status).toBe(200);
  const path = `${DECOMMISSION}/${rejected.device}/auth/${rejected.set}/status`;
  expect((await server.request("PUT", path, { status: "rejected" })).status).toBe(204);
  const pending = await makeDevice(server, "pending");
  const gone = await makeDevice(server);
  const left = await tokenOf(gone.set, gone.device, server.tenant.id);
  expect((await server.request("DELETE", `${DECOMMISSION}/${gone.device}`)).status).toBe(204);
  const other = await makeDevice(server);
  const attempts = {
    ...(await badTokens(
      server,
      { jti: set, sub: device, kind: "device" },
      token,
      await tokenOf(other.set, other.device, server.tenant.id),
    )),
    "the token of a person": server.token,
    "the token of a rejected device": revoked,
    "the token of a device that waits": await tokenOf(pending.set, pending.device, server.tenant.id),
    "the token of a decommissioned device": left,
    "the key of another device": await tokenOf(other.set, device, server.tenant.id),
  };
  for (const [title, bearer] of Object.entries(attempts))
    for (const route of routes) {
      const { status } = await send(route, bearer);
      expect(status, `${title}: ${route.method} ${route.path}`).toBe(401);
    }
  for (const made of [rejected, pending, gone, other])
    await query(server, "DELETE FROM devices WHERE id = $1", made.device);
  expect(await state()).toEqual(before);
});

test("a device of another tenant, and another device of the same one, change nothing of what is not theirs", async () => {
  const tenant = await server.server.services.postgres.shared((session) => addTenant(session, "other"));
  const stranger = await makeDevice({ server: server.server, tenant });
  const neighbour = await makeDevice(server);
  const before = await state();
  for (const [title, bearer] of [
    ["a stranger", await tokenOf(stranger.set, stranger.device, tenant.id)],
    ["a neighbour", await tokenOf(neighbour.set, neighbour.device, server.tenant.id)],
  ] as const)
    for (const route of routes.filter(({ path }) => path.includes("{"))) {
      const { status } = await send(route, bearer);
      expect(status, `${title}: ${route.method} ${route.path}`).toBe(404);
    }
  expect(await state()).toEqual(before);
});

test("an authentication request that was forged, or is replayed later, gets no token and changes no device", async () => {
  const mine = new TestDevice(server.url, "00:00:00:00:00:01", { tenantToken: server.tenant.token });
  const id = await enroll(server, mine);
  const body = mine.authBody();
  const signature = mine.signatureOf(body);
  const forger = new TestDevice(server.url, "00:00:00:00:00:01", { tenantToken: server.tenant.token });
  const before = await state();
  const changed = body.replace("00:00:00:00:00:01", "00:00:00:00:00:02");
  for (const [title, forged, by] of [
    ["a signature by another key", body, forger.signatureOf(body)],
    ["a body that was changed", changed, signature],
    ["a blank in the body", `${body} `, signature],
    ["an empty signature", body, "AA=="],
    ["a signature that is no base64", body, "\u00ff\u00fe"],
    ["a signature that is too long", body, "A".repeat(8000)],
  ] as const)
    expect((await mine.authenticate(forged, by)).status, title).toBe(401);
  expect((await mine.authenticate(body, null)).status).toBe(400);
  expect(await state()).toEqual(before);
  // Mender's requests have no time in them. What they prove ends with the key.
  mine.rotateKey();
  await enroll(server, mine);
  expect((await mine.authenticate(body, signature)).status, "a replay after the key was replaced").toBe(401);
  const now = mine.authBody();
  const proof = mine.signatureOf(now);
  expect((await server.request("DELETE", `${DECOMMISSION}/${id}`)).status).toBe(204);
  expect((await mine.authenticate(now, proof)).status, "a replay after the device was decommissioned").toBe(401);
  for (const tenantToken of ["", "nobody's", randomUUID(), "' OR 1=1 --", "a".repeat(1024)]) {
    const lost = new TestDevice(server.url, "00:00:00:00:00:03", { tenantToken });
    expect((await lost.authenticate()).status, `the tenant token ${tenantToken}`).toBe(401);
  }
});
