import { afterAll, beforeAll, expect, test } from "vitest";
import { addArtifact, addDeployment, query, stateOf } from "../support/server/seed.ts";
import { makeDevice } from "../support/server/test-devices.ts";
import { startTestServer, type TestServer } from "../support/server/test-server.ts";

const V1 = "/api/management/v1/inventory";
const V2 = "/api/management/v2/devauth";
let server: TestServer;
beforeAll(async () => {
  server = await startTestServer();
  await addArtifact(server, "r1");
});
afterAll(() => server.close());

const ask = async (method: string, path: string, body?: unknown): Promise<number> =>
  (await server.request(method, path, body)).status;
const endsOf = (deployment: string) =>
  query<{ device_id: string; status: string; reason: string | null }>(
    server,
    "SELECT device_id, status, reason FROM device_deployments WHERE deployment_id = $1 ORDER BY created_at",
    deployment,
  );

test("devices that leave while a deployment runs end in it, and others are not counted", async () => {
  const made = await Promise.all(Array.from({ length: 5 }, () => makeDevice(server)));
  const [mover, rejected, gone, later, stays] = made.map(({ device }) => device);
  await ask("PATCH", `${V1}/groups/lab/devices`, [mover, rejected, gone, stays]);
  const toGroup = await addDeployment(server, { release: "r1", target: { kind: "group", group: "lab" }, count: 4 });
  // Who comes into the group later is not reached, and ends nothing when it leaves.
  await ask("PATCH", `${V1}/groups/lab/devices`, [later]);
  expect(await ask("DELETE", `${V1}/devices/${later}/group/lab`)).toBe(204);
  expect(await endsOf(toGroup)).toEqual([]);

  expect(await ask("PUT", `${V1}/devices/${mover}/group`, { group: "field" })).toBe(204);
  expect(await ask("PUT", `${V2}/devices/${rejected}/auth/${made[1]?.set}/status`, { status: "rejected" })).toBe(204);
  expect(await ask("DELETE", `${V2}/devices/${gone}`)).toBe(204);
  expect(await endsOf(toGroup)).toEqual([
    { device_id: mover, status: "aborted", reason: "LEFT_TARGET" },
    { device_id: rejected, status: "aborted", reason: "LEFT_TARGET" },
    { device_id: gone, status: "decommissioned", reason: "DECOMMISSIONED" },
  ]);
  // A second time it has nothing to end.
  expect(await ask("DELETE", `${V2}/devices/${rejected}`)).toBe(204);
  expect(await stateOf(server, toGroup)).toMatchObject({ aborted: 2, decommissioned: 1 });
});
