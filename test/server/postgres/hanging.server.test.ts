import { afterAll, beforeAll, expect, test } from "vitest";
import { connectPostgres } from "../../../server/adapters/postgres/postgres.ts";
import { lockRollout } from "../../../server/adapters/postgres/rollouts.ts";
import { DatabaseFront } from "../../support/server/database-front.ts";
import { RolloutFleet } from "../../support/server/rollout-fleet.ts";
import { startTestServer, type TestServer } from "../../support/server/test-server.ts";

const DEVICES = "/api/management/v2/devauth/devices";
const front = new DatabaseFront();
let server: TestServer;
beforeAll(async () => {
  server = await startTestServer({ front });
});
afterAll(async () => {
  await server.close();
  await front.close();
});

test("a process that stops with a rollout in its hands loses it, and others move it on", async () => {
  const fleet = await RolloutFleet.make(server, 10);
  await fleet.create({ waves: [{ count: 4, gate: { success_pct: 100 } }, { rest: true }] });
  const hanging = connectPostgres({ url: server.databaseUrl, connections: 1 });
  let goOn = (): void => {};
  const isOver = new Promise<void>((resolve) => {
    goOn = resolve;
  });
  let hasLock = false;
  const work = hanging.inTenant(server.tenant.id, async (session) => {
    hasLock = await lockRollout(session, server.tenant.id, fleet.deployment, true);
    await isOver;
    return session.raw("SELECT 1");
  });
  await expect.poll(() => hasLock).toBe(true);
  const first = await fleet.poll();
  expect(first).toHaveLength(4);
  await fleet.report(first, "success");
  await fleet.tick();
  expect(await fleet.poll()).toHaveLength(6);
  goOn();
  // The process that wakes up has lost its transaction, and says that the database is away: all may be tried again.
  await expect(work).rejects.toMatchObject({ code: "DATABASE_AWAY" });
  await hanging.close();
}, 30_000);

test("a database that goes without a word is left for the one behind the same address", async () => {
  const ask = async (patienceMs: number): Promise<number> => {
    const signal = AbortSignal.timeout(patienceMs);
    const headers = { authorization: `Bearer ${server.token}` };
    const answer = await fetch(`${server.url}${DEVICES}`, { headers, signal }).catch(() => undefined); // ignored: it hangs.
    await answer?.body?.cancel();
    return answer?.status ?? 0;
  };
  // All connections are open, and soon each of them waits for an answer that never comes.
  const askTogether = (patienceMs: number) => Promise.all(Array.from({ length: 20 }, () => ask(patienceMs)));
  const all = Array.from({ length: 20 }, () => 200);
  expect(await askTogether(30_000)).toEqual(all);
  front.silence();
  expect(await askTogether(1000)).not.toContain(200);
  await expect.poll(() => ask(2000), { timeout: 30_000 }).toBe(200);
  expect(await askTogether(30_000)).toEqual(all);
}, 120_000);

test("a replica that answers questions only is a database that is away, until it is promoted", async () => {
  const write = server.server.services.postgres.inTenant(server.tenant.id, async (session) => {
    await session.raw("SET TRANSACTION READ ONLY");
    await session.raw("UPDATE devices SET created_at = now()");
  });
  await expect(write).rejects.toMatchObject({ code: "DATABASE_AWAY" });
});
