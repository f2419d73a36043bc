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

const GATE = { success_pct: 100 };
const WITHOUT = [{ scope: "inventory", attribute: "hardware", type: "$eq", value: "rev-b" }];
const ROLLOUTS = "/api/management/v2/deployments/rollouts";
type Member = RolloutFleet["members"][number];

async function act(fleet: RolloutFleet, body: object) {
  const answer = await server.request("POST", `${ROLLOUTS}/${fleet.deployment}/acts`, body);
  // biome-ignore lint/suspicious/noExplicitAny: whatever the server answers
  return { status: answer.status, body: (await answer.json()) as any };
}
// biome-ignore lint/suspicious/noExplicitAny: whatever the server answers
const show = async (fleet: RolloutFleet): Promise<any> =>
  (await server.request("GET", `${ROLLOUTS}/${fleet.deployment}`)).json();

/** Every fourth device has another hardware. */
async function makeFleet(size: number) {
  const fleet = await RolloutFleet.make(server, size);
  for (const [n, { id }] of fleet.members.entries())
    await setAttributes(server, id, { hardware: n % 4 === 0 ? "rev-b" : "rev-a" });
  const isB = ({ id }: Member): boolean => fleet.members.findIndex((one) => one.id === id) % 4 === 0;
  return { fleet, isB };
}

async function fail(fleet: RolloutFleet, members: readonly Member[], message: string): Promise<void> {
  // The logs come first: the server's own ticker may halt the rollout at any of these moments.
  for (const { device } of members)
    await device.request("PUT", `v1/deployments/device/deployments/${fleet.deployment}/log`, {
      messages: [{ timestamp: "2026-06-01T00:00:00Z", level: "error", message }],
    });
  await fleet.report(members, "failure");
}

test("a halted rollout goes on without the hardware that failed, and finishes", async () => {
  const { fleet, isB } = await makeFleet(40);
  const halt = { failure_pct: 5, min_reports: 5 };
  await fleet.create({ waves: [{ count: 10, gate: GATE }, { percent: 50, gate: GATE }, { rest: true }], halt });
  const first = await fleet.poll();
  const bad = first.filter(isB);
  await fleet.report(
    first.filter((one) => !isB(one)),
    "success",
  );
  await fail(fleet, bad, "no driver for 0x1f");
  await fleet.tick();
  const halted = await show(fleet);
  expect(halted).toMatchObject(
    bad.length === 0
      ? { state: "running" }
      : {
          state: "halted",
          halt: { cause: { kind: "line", signature: "no driver for ‹hex›", failed: expect.any(Number) } },
        },
  );
  const body = { act: bad.length === 0 ? "leave_out" : "resume", without: WITHOUT };
  const dry = await act(fleet, { ...body, dry_run: true });
  const waiting = 10 - bad.length;
  expect(dry.body.effects).toContainEqual({ code: "LEAVE", devices: waiting });
  expect((await show(fleet)).totals.left_out).toBe(0);
  const done = await act(fleet, body);
  expect([done.status, done.body.decisions[0].facts]).toEqual([
    200,
    { without: "hardware = rev-b", devices: waiting, failed: bad.length },
  ]);
  expect(done.body.effects).toEqual(dry.body.effects);
  await fleet.tick();
  for (let round = 0; round < 4; round += 1) {
    const begun = (await fleet.poll()).filter(({ id }) => !first.some((one) => one.id === id));
    expect(begun.filter(isB)).toEqual([]);
    await fleet.report(begun, "success");
    await fleet.tick();
  }
  expect(await fleet.broken()).toEqual([]);
  expect(await show(fleet)).toMatchObject({
    ...{ state: "finished", ended: "FINISHED", device_count: 40 },
    totals: { updated: 40 - bad.length - waiting, failed: bad.length, left_out: waiting, waiting: 0 },
  });
  // Nobody is out twice, and each that is knows why.
  const reasons = await query(
    server,
    "SELECT status, reason, wave, count(*)::int AS n FROM device_deployments WHERE deployment_id = $1 AND reason = 'LEFT_OUT' GROUP BY 1, 2, 3 ORDER BY 1",
    fleet.deployment,
  );
  expect(reasons).toEqual([
    ...(waiting === 0 ? [] : [{ status: "aborted", reason: "LEFT_OUT", wave: -2, n: waiting }]),
    ...(bad.length === 0 ? [] : [{ status: "failure", reason: "LEFT_OUT", wave: 0, n: bad.length }]),
  ]);
});

test("devices that have begun stay in, groups shrink, and nothing that does not match is left out", async () => {
  const { fleet, isB } = await makeFleet(16);
  const group = "lab-of-leaving";
  await query(
    server,
    "UPDATE inventory SET group_name = $2, group_since = now() - interval '1 hour' WHERE device_id = ANY ($1)",
    fleet.members.slice(0, 8).map(({ id }) => id),
    group,
  );
  await query(
    server,
    "INSERT INTO device_counts (tenant_id, what, shard, n) VALUES ($1, $2, 0, 8)",
    server.tenant.id,
    `group:${group}`,
  );
  await fleet.create({ waves: [{ count: 1, gate: GATE }, { group, gate: GATE }, { rest: true }] });
  const [begun] = await fleet.poll();
  if (begun === undefined) throw new Error("no device got it");
  expect((await act(fleet, { act: "leave_out", without: [{ ...WITHOUT[0], value: "rev-z" }] })).body).toMatchObject({
    code: "ROLLOUT_REFUSED",
    error: expect.stringContaining("NONE_MATCH"),
  });
  const left = isB(begun) ? 3 : 4;
  expect((await act(fleet, { act: "leave_out", without: WITHOUT })).body.decisions[0].facts.devices).toBe(left);
  // The same again: those that are out do not match any more.
  expect((await act(fleet, { act: "leave_out", without: WITHOUT })).status).toBe(409);
  await fleet.report([begun], "success");
  await fleet.tick();
  const { wave_list: waves, totals } = await show(fleet);
  expect([waves[0].gate.is_met, totals.left_out]).toEqual([true, left]);
  // Two of the eight devices in the group are out, unless one of them has begun.
  const inGroup = fleet.members.slice(0, 8).filter((one) => isB(one) && one.id !== begun.id).length;
  expect(waves[1].size).toBe(8 - inGroup);
});

test("terms that mean nothing and acts that take none are refused", async () => {
  const { fleet } = await makeFleet(4);
  await fleet.create({ waves: [{ rest: true }] });
  for (const body of [
    { act: "leave_out" },
    { act: "pause", without: WITHOUT },
    { act: "leave_out", without: [] },
    { act: "leave_out", without: [{ ...WITHOUT[0], type: "$like" }] },
    { act: "leave_out", without: [{ scope: "inventory", attribute: "hardware", type: "$regex", value: "(" }] },
  ])
    expect((await act(fleet, body)).status, JSON.stringify(body)).toBe(400);
});

test("a halt rule that names a cause halts when the log comes, which is after the status", async () => {
  const { fleet } = await makeFleet(10);
  await fleet.create({ waves: [{ rest: true }], halt: { failure_count: 1, cause: "disk 7 is full" } });
  const begun = await fleet.poll();
  await fail(fleet, begun.slice(0, 3), "too hot");
  await fleet.report(begun.slice(3, 5), "failure");
  await fleet.tick();
  expect((await show(fleet)).state).toBe("running");
  for (const { device } of begun.slice(3, 5))
    await device.request("PUT", `v1/deployments/device/deployments/${fleet.deployment}/log`, {
      messages: [{ timestamp: "2026-06-01T00:00:00Z", level: "error", message: "disk 12 is full" }],
    });
  // The server's own ticker sees that the causes have changed.
  await expect
    .poll(async () => (await show(fleet)).halt, { timeout: 20_000 })
    .toMatchObject({ rule: "FAILURE_COUNT", reading: 2, cause: { signature: "disk ‹n› is full", failed: 2 } });
});
