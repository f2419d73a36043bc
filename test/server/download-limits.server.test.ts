import { randomUUID } from "node:crypto";
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import { RolloutFleet } from "../support/server/rollout-fleet.ts";
import { query } from "../support/server/seed.ts";
import { startTestServer, type TestServer } from "../support/server/test-server.ts";

const LIMITS = "/api/management/v2/deployments/download_limits";
let server: TestServer;
beforeAll(async () => {
  server = await startTestServer({ trustProxy: ["127.0.0.1"] });
});
afterAll(() => server.close());
afterEach(() => limit({}));

async function limit(body: object): Promise<number> {
  const { status } = await server.request("PUT", LIMITS, body);
  await server.server.services.notices.caughtUp();
  return status;
}

/** An Artifact of 99 kB. At 10 kB a second, its download uses up a budget for 9.9 s, and 2 of them begin at once. */
async function make(size: number): Promise<RolloutFleet> {
  const fleet = await RolloutFleet.make(server, size);
  await query(server, "UPDATE artifacts SET size = 99000 WHERE name = $1", fleet.release);
  return fleet;
}

/** Lets time pass until no budget is used up, and has the process forget that one was. */
async function pass(): Promise<void> {
  await query(server, "UPDATE download_budgets SET free_at = now()");
  const { full } = server.server.services;
  for (const { key } of await query<{ key: string }>(server, "SELECT key FROM download_budgets")) full.delete(key);
}

test("limits can be read and changed, and a change has one audit record", async () => {
  const read = async (): Promise<unknown> => (await server.request("GET", LIMITS)).json();
  expect(await limit({ bytes_per_second: 5000, ipv4_prefix: 20 })).toBe(204);
  expect(await read()).toEqual({ bytes_per_second: 5000, ipv4_prefix: 20, ipv6_prefix: 48 });
  expect(await limit({ site_bytes_per_second: 1 })).toBe(400);
  expect(await read()).toMatchObject({ bytes_per_second: 5000 });
});

test("however many devices poll at once, only so many downloads begin, and the others say why they wait", async () => {
  await limit({ bytes_per_second: 10_000 });
  const fleet = await make(20);
  // Of a deployment without a plan.
  await fleet.create({ waves: [{ rest: true }] }, { rollout: undefined });
  const first = await fleet.poll();
  expect(first).toHaveLength(2);
  expect(await fleet.answers()).toEqual({ OFFERED: 2, WAITS_FOR_DOWNLOADS: 18 });
  // Those that have begun get their answer again, and nobody else gets one from memory or from the database.
  expect(await fleet.poll()).toEqual(first);
  const waiting = fleet.members.find((member) => !first.includes(member));
  const why = await (await server.request("GET", `/api/management/v2/devices/${waiting?.id}/why`)).json();
  expect(JSON.stringify(why)).toContain('"failed":"DOWNLOADS_FREE"');
  await pass();
  expect(await fleet.poll()).toHaveLength(4);
});

test("a site has a budget, whatever others do, and its devices do not use up what they do not get", async () => {
  const fleet = await make(12);
  for (const [index, { device }] of fleet.members.entries())
    device.address = index < 8 ? `10.1.1.${index}` : `10.1.${index}.1`;
  await fleet.create({
    waves: [{ rest: true }],
    downloads: { site_bytes_per_second: 10_000, bytes_per_second: 10_000_000 },
  });
  const begun = await fleet.poll();
  const near = begun.filter(({ device }) => device.address?.startsWith("10.1.1."));
  expect([near.length, begun.length]).toEqual([2, 6]);
  expect(await fleet.answers()).toEqual({ OFFERED: 6, WAITS_FOR_SITE: 6 });
  expect(await fleet.broken()).toEqual([]);
  const [all] = await query<{ used: number }>(
    server,
    "SELECT extract(epoch FROM free_at - now())::float8 AS used FROM download_budgets WHERE key = $1",
    fleet.deployment,
  );
  // Six downloads of 9.9 ms, and none for the six that were refused.
  expect(all?.used).toBeLessThan(0.06);
});

test("a device that waits is told when to come back, by the lane of polls as well, and its interval is not learnt from that", async () => {
  const fleet = await RolloutFleet.make(server, 3);
  const opens = Date.now() + 600_000;
  await fleet.create({ waves: [{ start_at: new Date(opens).toISOString(), rest: true }], rate_per_minute: 1 });
  const ids = fleet.members.map(({ id }) => id);
  await query(
    server,
    "UPDATE device_state SET poll_interval_s = 1800, check_in_at = now() - interval '30 minutes' WHERE device_id = ANY ($1)",
    ids,
  );
  for (const _ of ["the database", "memory"])
    for (const { device } of fleet.members) {
      const { status, headers } = await device.next({ artifact_name: "v0", device_type: "board-a" });
      const seconds = Number(headers.get("retry-after"));
      expect(status).toBe(204);
      // Within the time that so many devices need at one a minute.
      expect(seconds).toBeGreaterThan(590);
      expect(seconds).toBeLessThanOrEqual(600 + 4 * 60);
    }
  const { checkIns } = server.server.services;
  await checkIns.flush();
  // They come back after 700 s.
  await query(
    server,
    "UPDATE device_state SET check_in_at = now() - interval '700 seconds' WHERE device_id = ANY ($1)",
    ids,
  );
  await fleet.poll();
  await checkIns.flush();
  const states = await query(
    server,
    "SELECT poll_interval_s, asked_back, answer FROM device_state WHERE device_id = ANY ($1)",
    ids,
  );
  expect(states).toEqual(ids.map(() => ({ poll_interval_s: 1800, asked_back: true, answer: "WAITS_FOR_START" })));
});

test("a device that polls before anyway, and one that no time lets in, are not told to come back", async () => {
  const fleet = await RolloutFleet.make(server, 1);
  const [member] = fleet.members;
  const retryAfter = async (): Promise<string | null | undefined> =>
    (await member?.device.next({ artifact_name: "v0", device_type: "board-a" }))?.headers.get("retry-after");
  const later = new Date(Date.now() + 2 * 3600_000).toISOString();
  await fleet.create({ waves: [{ start_at: later, rest: true }] });
  expect(await retryAfter()).toBeNull();
  await server.request("POST", `/api/management/v2/deployments/rollouts/${fleet.deployment}/acts`, { act: "abort" });
  await fleet.create({ waves: [{ rest: true }], approvals: 1 }, { name: randomUUID() });
  expect(await retryAfter()).toBeNull();
});
