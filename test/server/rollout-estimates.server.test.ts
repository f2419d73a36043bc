import { afterAll, beforeAll, expect, test } from "vitest";
import { addTestArtifact } from "../support/server/artifacts.ts";
import { startTestServer, type TestServer } from "../support/server/test-server.ts";

const ESTIMATE = "/api/management/v2/deployments/rollouts/estimate";
const START = "2026-06-01T00:00:00Z";
const REST = { waves: [{ rest: true }] };
let server: TestServer;
const sqlOf = (text: string) =>
  server.server.services.postgres.inTenant(server.tenant.id, (session) => session.raw(text, [server.tenant.id]));

beforeAll(async () => {
  server = await startTestServer();
  await addTestArtifact(server, { name: "app-1", deviceTypes: ["a"], content: "a".repeat(100) });
  await addTestArtifact(server, { name: "app-1", deviceTypes: ["b"], content: "b".repeat(50_000) });
  // Counters without devices: an estimate reads nothing else.
  await sqlOf(
    `INSERT INTO device_counts (tenant_id, what, shard, n) VALUES ($1, 'status:accepted', 0, 2000),
      ($1, 'status:accepted', 5, 400), ($1, 'group:lab', 1, 120), ($1, 'group:lab-2', 1, 7)`,
  );
});
afterAll(() => server.close());

async function ask(body: object): Promise<{ readonly status: number; readonly body: Record<string, unknown> }> {
  const answer = await server.request("POST", ESTIMATE, { start_at: START, ...body });
  return { status: answer.status, body: (await answer.json()) as Record<string, unknown> };
}

test("an estimate takes its numbers from the counters and from the largest Artifact of the release", async () => {
  const { artifacts } = (await (
    await server.request("GET", "/api/management/v2/deployments/deployments/releases/app-1")
  ).json()) as { artifacts: { size: number }[] };
  const largest = Math.max(...artifacts.map(({ size }) => size));
  const rollout = {
    waves: [{ group: "lab", gate: { success_pct: 100, soak_s: 3600 } }, { rest: true }],
    approvals: 2,
  };
  const { status, body } = await ask({ rollout, all_devices: true, artifact_name: "app-1", line_rate: 100 });
  expect(status).toBe(200);
  expect(body).toMatchObject({
    outcome: { kind: "finishes", at: "2026-06-01T02:20:00.000Z", reasons: [] },
    begun: 2400,
    waves: [
      { size: 120, opens_at: "2026-06-01T00:00:00.000Z", gate_met_at: "2026-06-01T00:40:00.000Z" },
      { size: 2280, opens_at: "2026-06-01T01:40:00.000Z", ends_at: "2026-06-01T02:20:00.000Z" },
    ],
    peak: { devices_under_way: 760, devices_per_minute: 76 },
    supposed: {
      ...{ devices: 2400, poll_interval_s: 1800, update_s: 600, failure_pct: 0, approvals: 2 },
      ...{ artifact_size: largest, download_s: Math.min(600, largest / 100) },
    },
    step_s: 15,
  });
});

test("a rollout to a group has its devices only, and no wave for another group has any", async () => {
  const rollout = { waves: [{ group: "lab-2" }, { rest: true }] };
  const { body } = await ask({ rollout, group: "lab" });
  expect(body).toMatchObject({ begun: 120, supposed: { devices: 120, artifact_size: 0 } });
  expect(body["waves"]).toMatchObject([{ size: 0 }, { size: 120 }]);
  expect(await ask({ rollout: REST, group: "nobody" })).toMatchObject({
    status: 400,
    body: { code: "REQUEST_INVALID", error: expect.stringContaining("the rollout is for no device") },
  });
});

test("Mender's phases are estimated as the plan that they mean", async () => {
  const phases = [{ batch_size: 80 }, { start_ts: "2026-06-03T00:00:00Z" }];
  const { body } = await ask({ phases, max_devices: 900, devices: 1000 });
  expect(body).toMatchObject({
    outcome: { kind: "ends", reasons: [{ code: "LIMIT_REACHED", facts: {} }] },
    begun: 900,
    waves: [{ size: 800 }, { size: 200, opens_at: "2026-06-03T00:00:00.000Z" }],
  });
});

test("what stops a rollout is told as codes with facts", async () => {
  const rollout = { waves: [{ percent: 50, gate: { success_pct: 100 } }, { rest: true }] };
  const wish = { devices: 1000, failure_pct: 10, update_s: 60 };
  expect((await ask({ rollout, ...wish })).body["outcome"]).toMatchObject({
    kind: "waits",
    reasons: [{ code: "GATE", facts: { wave: 0, good: 450, of: 500, needed: 500 } }, { code: "DEVICES" }],
  });
  expect((await ask({ rollout: { ...rollout, halt: { failure_pct: 5 } }, ...wish })).body["outcome"]).toMatchObject({
    kind: "halts",
    reasons: [{ code: "FAILURE_PCT", facts: { wave: 0, limit: 5, reading: expect.any(Number) } }],
  });
});

test("devices that have polled say how often devices poll", async () => {
  await sqlOf(
    `WITH added AS (INSERT INTO devices (tenant_id, id, identity, identity_hash, status, accepted_at)
        SELECT $1, gen_random_uuid(), '{}', decode(md5(random()::text), 'hex'), 'accepted', now()
          FROM generate_series(1, 6) RETURNING id),
      numbered AS (SELECT id, row_number() OVER () AS n FROM added)
      INSERT INTO device_state (tenant_id, device_id, poll_interval_s)
        SELECT $1, id, (ARRAY[60, 300, 300, 86400, NULL, 0])[n] FROM numbered
        ON CONFLICT (tenant_id, device_id) DO UPDATE SET poll_interval_s = excluded.poll_interval_s`,
  );
  const supposed = async (body: object) => (await ask({ rollout: REST, devices: 10, ...body })).body["supposed"];
  expect(await supposed({})).toMatchObject({ poll_interval_s: 300 });
  expect(await supposed({ poll_interval_s: 20 })).toMatchObject({ poll_interval_s: 20 });
});

for (const [body, where, reason] of [
  [{ all_devices: true }, "body/rollout", "give either rollout or phases"],
  [{ rollout: REST, phases: [{}], all_devices: true }, "body/rollout", "give either rollout or phases"],
  [{ rollout: REST }, "body/devices", "give one of devices, group and all_devices"],
  [{ rollout: REST, all_devices: true, devices: 3 }, "body/devices", "give one of devices, group and all_devices"],
  [{ rollout: REST, max_devices: 3, devices: 3 }, "body/max_devices", "belongs to phases"],
  [{ rollout: { waves: [{ percent: 10 }] }, devices: 3 }, "body/rollout/waves", "the last one must be"],
  [{ rollout: { waves: [{}, { rest: true }] }, devices: 3 }, "body/rollout/waves/0", "a wave has one of"],
  [{ phases: [{}, {}], devices: 3 }, "body/phases/0/batch_size", "only the last phase may be without it"],
  [{ rollout: REST, devices: 3, failure_pct: 101 }, "body/failure_pct", "<=100"],
] as const)
  test(`a plan that is not valid is refused: ${where} ${reason}`, async () => {
    const answer = await ask(body);
    expect([answer.status, answer.body["code"]]).toEqual([400, "REQUEST_INVALID"]);
    expect(answer.body["error"]).toMatch(new RegExp(`\\(in: ${where}, reason: .*${reason}`));
  });

test("a release that is not there is not found", async () => {
  const { status, body } = await ask({ rollout: REST, devices: 3, artifact_name: "none" });
  expect([status, body["code"]]).toEqual([404, "NOT_FOUND"]);
});
