import { afterAll, beforeAll, expect, test } from "vitest";
import { addTenant } from "../../server/adapters/postgres/people.ts";
import { removeOld } from "../../server/adapters/postgres/retention.ts";
import { addArtifact, addDeployment, query } from "../support/server/seed.ts";
import { makeDevice } from "../support/server/test-devices.ts";
import { startTestServer, type TestServer } from "../support/server/test-server.ts";

const DEPLOYMENTS = "/api/management/v1/deployments/deployments";
const HOUR = 3600_000;
const DAY = 24 * HOUR;
let server: TestServer;
beforeAll(async () => {
  server = await startTestServer();
});
afterAll(() => server.close());

const remove = (after: number): Promise<unknown> =>
  removeOld(server.server.services.postgres, new Date(Date.now() + after));

test("a key of a request is kept for 24 hours: until then, the same request makes nothing new", async () => {
  const { device } = await makeDevice(server);
  await addArtifact(server, "release-1");
  const create = async (): Promise<string | null> => {
    const body = { name: "july", artifact_name: "release-1", devices: [device] };
    const answer = await server.request("POST", DEPLOYMENTS, body, { "idempotency-key": "the-key" });
    expect(answer.status).toBe(201);
    return answer.headers.get("location");
  };
  const first = await create();
  expect(await remove(23 * HOUR)).toEqual({});
  expect(await create()).toBe(first);
  expect(await remove(25 * HOUR)).toEqual({ idempotency: 1 });
  // The same deployment must not run twice.
  const id = first?.split("/").at(-1);
  await server.request("PUT", `${DEPLOYMENTS}/${id}/status`, { status: "aborted" });
  expect(await create()).not.toBe(first);
});

test("the series of a deployment are kept for 400 days, also those of other tenants", async () => {
  await addArtifact(server, "release-2");
  const deployment = await addDeployment(server, { release: "release-2" });
  const minutes = [0, 1, 399].map((days) => new Date(Date.now() - days * DAY));
  const { postgres } = server.server.services;
  const other = await postgres.shared((session) => addTenant(session, "other"));
  await postgres.inTenant(other.id, (session) =>
    session.raw(
      `INSERT INTO deployments (tenant_id, id, name, artifact_name, target, device_count, created_at)
        VALUES ($1, $2, 'x', 'x', '{"kind":"all"}', 1, now())`,
      [other.id, deployment],
    ),
  );
  for (const tenant of [server.tenant.id, other.id])
    await postgres.inTenant(tenant, async (session) => {
      for (const minute of minutes)
        await session.raw("INSERT INTO deployment_series VALUES ($1, $2, $3, 'success', 0, 1)", [
          tenant,
          deployment,
          minute,
        ]);
    });
  const kept = () =>
    query<{ n: number }>(
      server,
      "SELECT count(*)::int AS n FROM deployment_series WHERE deployment_id = $1",
      deployment,
    );
  expect(await remove(0)).not.toHaveProperty("deployment_series");
  expect(await remove(2 * DAY)).toMatchObject({ deployment_series: 2 });
  expect(await kept()).toEqual([{ n: 2 }]);
  const { points } = (await (
    await server.request("GET", `${DEPLOYMENTS}/${deployment}/series?step=3600&from=${minutes[1]?.toISOString()}`)
  ).json()) as { points: { changes: Record<string, number> }[] };
  expect(points.map(({ changes }) => changes["success"])).toEqual([1, 1]);
});
