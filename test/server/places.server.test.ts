import fc from "fast-check";
import { afterAll, beforeAll, expect, test } from "vitest";
import { setDeviceDeployment } from "../../server/adapters/postgres/device-deployments.ts";
import { moveRollout } from "../../server/adapters/postgres/move-rollout.ts";
import { connectPostgres, type Postgres } from "../../server/adapters/postgres/postgres.ts";
import { RolloutFleet } from "../support/server/rollout-fleet.ts";
import { query } from "../support/server/seed.ts";
import { startTestServer, type TestServer } from "../support/server/test-server.ts";

let server: TestServer;
/** What two processes have: connections of their own, and nothing in common but the database. */
let processes: readonly Postgres[];
beforeAll(async () => {
  server = await startTestServer();
  processes = [1, 2].map(() => connectPostgres({ url: server.databaseUrl, connections: 6 }));
});
afterAll(async () => {
  await Promise.all(processes.map((one) => one.close()));
  await server.close();
});

const DEVICES = 24;

/** What each process does, at the same time as the other: a device of the fleet polls, ends its update, or the ticker looks. */
const actions = fc.array(
  fc.oneof(
    { weight: 8, arbitrary: fc.record({ what: fc.constant("poll" as const), device: fc.nat(DEVICES - 1) }) },
    {
      weight: 3,
      arbitrary: fc.record({
        what: fc.constantFrom("success" as const, "failure" as const),
        device: fc.nat(DEVICES - 1),
      }),
    },
    { weight: 1, arbitrary: fc.record({ what: fc.constant("look" as const), device: fc.constant(0) }) },
  ),
  { minLength: 30, maxLength: 60 },
);

test("two processes that hand out the places of a wave at once exceed no cap, and let no device begin twice", async () => {
  const fleet = await RolloutFleet.make(server, DEVICES);
  const plans = fc.record({
    first: fc.integer({ min: 1, max: 9 }),
    concurrency: fc.option(fc.integer({ min: 1, max: 6 }), { nil: undefined }),
    max_devices: fc.option(fc.integer({ min: 1, max: 20 }), { nil: undefined }),
  });
  await fc.assert(
    fc.asyncProperty(plans, actions, actions, async ({ first, ...limits }, ...scripts) => {
      // The gate never lets the second wave open.
      const waves = [{ count: first, gate: { success_pct: 100, soak_s: 3600 } }, { rest: true }];
      expect(await fleet.create({ waves, ...limits })).toBe(201);
      const { deployment } = fleet;
      const { id: tenant } = server.tenant;
      const [artifact] = await query<{ id: string }>(server, "SELECT id FROM artifacts WHERE name = $1", fleet.release);
      const offer = { artifact: artifact?.id ?? "", deviceType: "board-a", fromArtifact: "v0" };
      const polled: string[] = [];
      const run = (postgres: Postgres, { what, device }: (typeof scripts)[number][number]): Promise<unknown> =>
        postgres.inTenant(tenant, async (session) => {
          if (what === "look") return moveRollout(session, tenant, deployment, false);
          const id = fleet.members[device]?.id ?? "";
          const [row] = await session.raw(
            "SELECT FROM device_deployments WHERE deployment_id = $1 AND device_id = $2",
            [deployment, id],
          );
          // A device reports only what it has begun.
          if (what !== "poll" && row === undefined) return undefined;
          if (what === "poll") polled.push(id);
          const change = { deployment, device: id, status: what === "poll" ? "pending" : what };
          return setDeviceDeployment(session, tenant, what === "poll" ? { ...change, offer } : change);
        });
      await Promise.all(
        processes.map(async (postgres, index) => {
          const script = [...(scripts[index] ?? [])];
          // Each process works for several devices at once.
          await Promise.all(
            Array.from({ length: 5 }, async () => {
              for (let next = script.shift(); next !== undefined; next = script.shift()) await run(postgres, next);
            }),
          );
        }),
      );
      expect(await fleet.broken()).toEqual([]);
      const [found] = await query<{ begun: number; devices: number; under_way: number }>(
        server,
        `SELECT count(*)::int AS begun, count(DISTINCT device_id)::int AS devices,
          (count(*) FILTER (WHERE finished_at IS NULL))::int AS under_way
          FROM device_deployments WHERE deployment_id = $1 AND wave >= 0`,
        deployment,
      );
      expect(found?.begun).toBe(found?.devices);
      expect(found?.begun).toBeLessThanOrEqual(Math.min(first, limits.max_devices ?? DEVICES));
      expect(found?.under_way).toBeLessThanOrEqual(limits.concurrency ?? DEVICES);
      // Places are there to be taken: something begins if anybody asked.
      if (polled.length > 0) expect(found?.begun).toBeGreaterThan(0);
      await server.request("POST", `/api/management/v2/deployments/rollouts/${deployment}/acts`, { act: "abort" });
    }),
    // A smaller example would find the rollout of the failed one in its way.
    { numRuns: 12, endOnFailure: true },
  );
});
