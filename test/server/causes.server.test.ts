import { afterAll, beforeAll, expect, test } from "vitest";
import { RolloutFleet } from "../support/server/rollout-fleet.ts";
import { query } from "../support/server/seed.ts";
import { setAttributes } from "../support/server/test-devices.ts";
import { startTestServer, type TestServer } from "../support/server/test-server.ts";

let server: TestServer;
beforeAll(async () => {
  server = await startTestServer();
});
afterAll(() => server.close());

const ALL = { waves: [{ rest: true }] };
type Member = RolloutFleet["members"][number];

const log = (fleet: RolloutFleet, { device }: Member, ...lines: string[]) =>
  device.request("PUT", `v1/deployments/device/deployments/${fleet.deployment}/log`, {
    messages: lines.map((message) => ({ timestamp: "2026-06-01T00:00:00Z", level: "error", message })),
  });
async function causes(fleet: RolloutFleet) {
  const path = `/api/management/v2/deployments/rollouts/${fleet.deployment}/causes?limit=10`;
  // biome-ignore lint/suspicious/noExplicitAny: whatever the server answers
  return (await (await server.request("GET", path)).json()) as any[];
}
const counts = async (fleet: RolloutFleet) =>
  Object.fromEntries((await causes(fleet)).map(({ kind, signature, count }) => [signature || kind, count]));

/** The counters say what the rows of the devices say. */
async function expectCounted(fleet: RolloutFleet): Promise<void> {
  const rows = await query(
    server,
    `SELECT * FROM (SELECT cause, wave, count(*)::int AS n FROM device_deployments
        WHERE deployment_id = $1 AND status = 'failure' GROUP BY 1, 2) AS r
      FULL JOIN (SELECT cause, wave, sum(n)::int AS counted FROM failure_counts WHERE deployment_id = $1
        GROUP BY 1, 2 HAVING sum(n) <> 0) AS c USING (cause, wave) WHERE n IS DISTINCT FROM counted`,
    fleet.deployment,
  );
  expect(rows).toEqual([]);
}

test("a failure counts by its log, whether the log comes before the status, after it, twice, or not at all", async () => {
  const fleet = await RolloutFleet.make(server, 6);
  await fleet.create(ALL);
  const [a, b, c, d, e] = await fleet.poll();
  if (!a || !b || !c || !d || !e) throw new Error("too few devices got it");
  await log(fleet, a, "disk 1 is full");
  expect(await counts(fleet)).toEqual({});
  await fleet.report([a, b, c, d], "failure");
  expect(await counts(fleet)).toEqual({ "disk ‹n› is full": 1, no_log: 3 });
  await log(fleet, b, "disk 22 is full");
  await log(fleet, c, "checksum differs");
  expect(await counts(fleet)).toEqual({ "disk ‹n› is full": 2, "checksum differs": 1, no_log: 1 });
  await log(fleet, c, "disk 3 is full");
  await log(fleet, d);
  // A log of a device that succeeds is no failure.
  await log(fleet, e, "disk 4 is full");
  await fleet.report([e], "success");
  expect(await counts(fleet)).toEqual({ "disk ‹n› is full": 3, no_log: 1 });
  await expectCounted(fleet);
  const [first] = await causes(fleet);
  expect(first).toMatchObject({
    kind: "line",
    count: 3,
    is_sampled: false,
    example: { device: a.id, line: "disk 1 is full", has_log: true },
  });
});

test("the summary says the cause that most failures have, and what these devices share", async () => {
  const fleet = await RolloutFleet.make(server, 8);
  for (const [index, { id }] of fleet.members.entries())
    await setAttributes(server, id, { device_type: "board-a", hardware: index < 3 ? "rev-b" : "rev-a" });
  await fleet.create(ALL);
  await fleet.poll();
  const [broken, well] = [fleet.members.slice(0, 3), fleet.members.slice(3)];
  await fleet.report(broken, "failure");
  await fleet.report(well, "success");
  const path = `/api/management/v2/deployments/rollouts/${fleet.deployment}/summary`;
  const fact = async () => {
    const { facts } = (await (await server.request("GET", path)).json()) as { facts: { code: string }[] };
    return facts.find(({ code }) => code === "ONE_CAUSE");
  };
  // Their logs may still come.
  expect(await fact()).toBeUndefined();
  for (const [index, member] of broken.entries()) await log(fleet, member, `disk ${index} is full`);
  expect(await fact()).toEqual({
    code: "ONE_CAUSE",
    facts: {
      ...{ devices: 3, failed: 3, kind: "line", cause: "disk ‹n› is full" },
      ...{ scope: "inventory", attribute: "hardware", value: "rev-b", have: 3, of: 3, othersHave: 0, othersOf: 5 },
    },
  });
});

test("another attempt begins without a cause, and so do failures that are retried", async () => {
  const fleet = await RolloutFleet.make(server, 3);
  await fleet.create(ALL, { retries: 1 });
  const all = await fleet.poll();
  await fleet.report(all, "failure");
  for (const member of all) await log(fleet, member, "first attempt");
  expect(await counts(fleet)).toEqual({});
  await fleet.poll();
  await fleet.report(all, "failure");
  expect(await counts(fleet)).toEqual({ no_log: 3 });
  for (const member of all.slice(1)) await log(fleet, member, "second attempt");
  expect(await counts(fleet)).toEqual({ "second attempt": 2, no_log: 1 });
  await expectCounted(fleet);

  const other = await RolloutFleet.make(server, 5);
  await other.create({ waves: [{ count: 3 }, { rest: true }] });
  const begun = await other.poll();
  for (const member of begun.slice(0, 2)) await log(other, member, "no power");
  await other.report(begun.slice(0, 3), "failure");
  const path = `/api/management/v2/deployments/rollouts/${other.deployment}/acts`;
  expect((await server.request("POST", path, { act: "retry_failed" })).status).toBe(200);
  expect(await counts(other)).toEqual({});
  await expectCounted(other);
});

test("the server's own reason is a cause, until the log says more", async () => {
  const fleet = await RolloutFleet.make(server, 1);
  await fleet.create(ALL);
  const [member] = await fleet.poll();
  if (!member) throw new Error("no device got it");
  await member.device.next({ artifact_name: "v9", device_type: "board-a" });
  expect(await causes(fleet)).toMatchObject([{ kind: "server", signature: "REQUEST_CHANGED", count: 1 }]);
  await log(fleet, member, "out of memory");
  expect(await counts(fleet)).toEqual({ "out of memory": 1 });
});

test("what the devices of a cause share is named with both counts", async () => {
  const fleet = await RolloutFleet.make(server, 40);
  for (const [n, { id }] of fleet.members.entries())
    await setAttributes(server, id, {
      hardware: n % 4 === 0 ? "rev-b" : "rev-a",
      site: `site-${n % 3}`,
    });
  await fleet.create({ waves: [{ count: 30 }, { rest: true }] });
  const begun = await fleet.poll();
  const isB = ({ id }: Member) => fleet.members.findIndex((one) => one.id === id) % 4 === 0;
  const bad = begun.filter(isB);
  const rest = begun.filter((one) => !isB(one));
  await fleet.report([...bad, ...rest.slice(0, 1)], "failure");
  await fleet.report(rest.slice(1), "success");
  for (const [n, member] of bad.entries()) await log(fleet, member, `cannot write to /dev/mmcblk${n}`);
  const found = await causes(fleet);
  expect(found[0]).toMatchObject({
    signature: "cannot write to ‹path›",
    count: bad.length,
    factors: [
      {
        ...{ scope: "inventory", attribute: "hardware", value: "rev-b" },
        failed: { have: bad.length, of: bad.length },
        succeeded: { have: 0, of: rest.length - 1 },
      },
    ],
  });
  // A single failure has nothing in common with others.
  expect(found[1]).toMatchObject({ kind: "no_log", count: 1, factors: [] });
});

test("a fleet that sends nonsense fills no table: the causes beyond 200 are one", async () => {
  const fleet = await RolloutFleet.make(server, 3);
  await fleet.create(ALL);
  const [a, b, c] = await fleet.poll();
  if (!a || !b || !c) throw new Error("too few devices got it");
  const letters = "abcdefghijklmnopqrstuvwxyz";
  for (let n = 0; n < 202; n += 1) await log(fleet, a, `cause ${letters[n % 26]}${letters[Math.floor(n / 26)]}`);
  await log(fleet, b, "one more");
  await log(fleet, c, "cause aa");
  await fleet.report([a, b, c], "failure");
  expect(await counts(fleet)).toEqual({ other: 2, "cause aa": 1 });
  const [row] = await query<{ n: number }>(
    server,
    "SELECT count(*)::int AS n FROM failure_causes WHERE deployment_id = $1",
    fleet.deployment,
  );
  expect(row?.n).toBe(201);
});

test("another tenant and a deployment that is not there are the same", async () => {
  const path = "/api/management/v2/deployments/rollouts/8f0a2a4e-0000-4000-8000-000000000000/causes";
  expect((await server.request("GET", path)).status).toBe(404);
});
