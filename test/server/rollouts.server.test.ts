import { afterAll, beforeAll, expect, test } from "vitest";
import { moveRollout } from "../../server/adapters/postgres/move-rollout.ts";
import { RolloutFleet } from "../support/server/rollout-fleet.ts";
import { addArtifact, query } from "../support/server/seed.ts";
import { startTestServer, type TestServer } from "../support/server/test-server.ts";

let server: TestServer;
beforeAll(async () => {
  server = await startTestServer();
});
afterAll(() => server.close());

const GATE = { success_pct: 100 };

test("waves open one after the other behind their gates, and the rollout finishes", async () => {
  const fleet = await RolloutFleet.make(server, 40);
  expect(await fleet.create({ waves: [{ percent: 10, gate: GATE }, { count: 6, gate: GATE }, { rest: true }] })).toBe(
    201,
  );
  const first = await fleet.poll();
  expect(first).toHaveLength(4);
  // Those that ask again get the same answer, and the others nothing new.
  expect(await fleet.poll()).toHaveLength(4);
  const { OFFERED, WAITS_FOR_WAVE = 0, WAITS_FOR_PLACE = 0, ...others } = await fleet.answers();
  expect([OFFERED, WAITS_FOR_WAVE + WAITS_FOR_PLACE, others]).toEqual([4, 36, {}]);
  expect(WAITS_FOR_WAVE).toBeGreaterThan(0);
  await fleet.report(first.slice(0, 3), "success");
  await fleet.tick();
  expect(await fleet.decisions()).toEqual(["OPENED"]);
  await fleet.report(first.slice(3), "success");
  await fleet.tick();
  expect(await fleet.decisions()).toEqual(["OPENED", "GATE_MET", "PASSED", "OPENED"]);
  const second = await fleet.poll();
  expect(second).toHaveLength(6);
  await fleet.report(second, "success");
  await fleet.tick();
  const rest = await fleet.poll();
  expect(rest).toHaveLength(30);
  expect(await fleet.broken()).toEqual([]);
  await fleet.report(rest, "success");
  await fleet.tick();
  expect(await fleet.tallies()).toEqual({ "0 success": 4, "1 success": 6, "2 success": 30 });
  expect(await fleet.state()).toEqual({ state: "finished", ended: "FINISHED" });
});

const ROLLOUTS = "/api/management/v2/deployments/rollouts";
// biome-ignore lint/suspicious/noExplicitAny: whatever the server answers
const get = async (path: string): Promise<any> => (await server.request("GET", `${ROLLOUTS}${path}`)).json();
async function act(fleet: RolloutFleet, body: object, headers: Record<string, string> = {}) {
  const answer = await server.request("POST", `${ROLLOUTS}/${fleet.deployment}/acts`, body, headers);
  // biome-ignore lint/suspicious/noExplicitAny: whatever the server answers
  return { status: answer.status, body: (await answer.json()) as any };
}

test("a halt rule stops the rollout in its first wave, a person resumes it, and the failed try again", async () => {
  const fleet = await RolloutFleet.make(server, 30);
  const halt = { failure_pct: 5, min_reports: 5 };
  await fleet.create({ waves: [{ count: 10, gate: GATE }, { rest: true }], halt });
  const first = await fleet.poll();
  await fleet.report(first.slice(0, 8), "success");
  await fleet.report(first.slice(8, 9), "failure");
  await fleet.tick();
  expect(await fleet.decisions()).toEqual(["OPENED", "HALTED"]);
  // The device that is under way gets its answer and reports; no other begins.
  expect(await fleet.poll()).toEqual(first.slice(9));
  expect(await fleet.answers()).toMatchObject({ ROLLOUT_HALTED: expect.any(Number) });
  expect(await fleet.report(first.slice(9), "success")).toEqual([204]);
  await fleet.tick();
  expect(await get(`/${fleet.deployment}`)).toMatchObject({
    ...{ state: "halted", closed: "ROLLOUT_HALTED", waves_open: 1, waves: 2 },
    totals: { updated: 9, failed: 1, under_way: 0, waiting: 20 },
    halt: { rule: "FAILURE_PCT", limit: 5, failed: 1, reports: 9 },
  });
  expect(await act(fleet, { act: "open_next" })).toMatchObject({
    status: 409,
    body: { code: "ROLLOUT_REFUSED", error: expect.stringContaining("STOPPED") },
  });
  const dry = await act(fleet, { act: "resume", dry_run: true });
  expect([dry.status, dry.body.effects]).toEqual([200, [{ code: "WAIT", devices: 20 }]]);
  expect(await fleet.decisions()).toEqual(["OPENED", "HALTED"]);
  const seen = { rev: 1 };
  expect((await act(fleet, { act: "resume", expect: seen })).body).toMatchObject({ code: "ROLLOUT_MOVED_ON", rev: 2 });
  const key = { "idempotency-key": "resume-1" };
  for (const _ of [1, 2]) expect((await act(fleet, { act: "resume", expect: { rev: 2 } }, key)).status).toBe(200);
  expect((await act(fleet, { act: "retry_failed" })).body.effects).toContainEqual({ code: "TRY_AGAIN", devices: 1 });
  const again = await fleet.poll();
  expect(again).toEqual(first.slice(8, 9));
  expect(await fleet.broken()).toEqual([]);
  await fleet.report(again, "success");
  await fleet.tick();
  const rest = await fleet.poll();
  expect(rest).toHaveLength(20);
  await fleet.report(rest, "success");
  await fleet.tick();
  expect(await fleet.state()).toEqual({ state: "finished", ended: "FINISHED" });
  const decisions = await get(`/${fleet.deployment}/decisions`);
  expect(decisions.map((one: { code: string; by?: object }) => [one.code, one.by !== undefined])).toEqual([
    ["OPENED", false],
    ["HALTED", false],
    ["RESUMED", true],
    ["RETRIED", true],
    ...["GATE_MET", "PASSED", "OPENED", "ENDED"].map((code) => [code, false]),
  ]);
});

test("no more devices begin than concurrency and max_devices allow, however many poll at once", async () => {
  const fleet = await RolloutFleet.make(server, 40);
  await fleet.create({ waves: [{ rest: true }], concurrency: 5, max_devices: 12 });
  const sizes: number[] = [];
  for (let round = 0; round < 4; round += 1) {
    const begun = await fleet.poll();
    sizes.push(begun.length);
    expect(await fleet.broken()).toEqual([]);
    await fleet.report(begun, "success");
    await fleet.tick();
  }
  expect(sizes).toEqual([5, 5, 2, 0]);
  expect(await fleet.state()).toEqual({ state: "finished", ended: "LIMIT_REACHED" });
  expect(await fleet.tallies()).toEqual({ "-1 aborted": 28, "0 success": 12 });
});

test("a pause holds at once, and a roll back sends those that were updated to the release before", async () => {
  const fleet = await RolloutFleet.make(server, 12);
  await addArtifact(server, "v0");
  await fleet.create({ waves: [{ count: 6 }, { rest: true, start_at: "2999-01-01T00:00:00Z" }] });
  const begun = await fleet.poll();
  await fleet.report(begun.slice(0, 4), "success");
  expect((await act(fleet, { act: "pause" })).body.rollout.state).toBe("paused");
  expect(await fleet.poll(fleet.members.filter((one) => !begun.includes(one)))).toEqual([]);
  expect(await fleet.answers()).toMatchObject({ ROLLOUT_PAUSED: 6 });
  const dry = await act(fleet, { act: "roll_back", dry_run: true });
  expect(dry.body).toMatchObject({
    effects: [
      { code: "STOPPED", devices: 2 },
      { code: "NEVER_BEGIN", devices: 6 },
    ],
    roll_back: { release: "v0", devices: 6 },
  });
  const { body } = await act(fleet, { act: "roll_back" });
  expect(body.roll_back).toEqual({ release: "v0", devices: 6, deployment: expect.any(String) });
  expect(await fleet.state()).toEqual({ state: "aborted", ended: "ROLLED_BACK" });
  const back = body.roll_back.deployment;
  const offers = await Promise.all(
    fleet.members.map(({ device }) => device.next({ artifact_name: fleet.release, device_type: "board-a" })),
  );
  const offered = fleet.members.filter((_, index) => offers[index]?.body?.id === back);
  expect(offered.map(({ id }) => id).toSorted()).toEqual(begun.map(({ id }) => id).toSorted());
});

test("two processes that look at once decide once, and what a crash undoes is decided again", async () => {
  const fleet = await RolloutFleet.make(server, 10);
  await fleet.create({ waves: [{ count: 2, gate: GATE }, { rest: true }] });
  await fleet.report(await fleet.poll(), "success");
  const { postgres } = server.server.services;
  const { id: tenant } = server.tenant;
  const crashed = postgres.inTenant(tenant, async (session) => {
    await moveRollout(session, tenant, fleet.deployment, true);
    throw new Error("crash before the commit");
  });
  await expect(crashed).rejects.toThrow("crash");
  await Promise.all([fleet.tick(), fleet.tick(), fleet.tick()]);
  expect(await fleet.decisions()).toEqual(["OPENED", "GATE_MET", "PASSED", "OPENED"]);
  expect(await fleet.broken()).toEqual([]);
});

test("a rate, a window and a time of expiry hold", async () => {
  const fleet = await RolloutFleet.make(server, 12);
  // A sixth of a minute's devices in ten seconds.
  await fleet.create({ waves: [{ rest: true }], rate_per_minute: 18 });
  expect(await fleet.poll()).toHaveLength(3);
  await fleet.tick();
  expect(await fleet.poll()).toHaveLength(3);
  expect(await fleet.answers()).toMatchObject({ WAITS_FOR_PLACE: 9 });
  await act(fleet, { act: "abort" });

  const day = (["sun", "mon", "tue", "wed", "thu", "fri", "sat"] as const)[(new Date().getUTCDay() + 3) % 7];
  const window = { time_zone: "UTC", days: [day], start: "03:00", end: "04:00" };
  expect(await fleet.create({ waves: [{ rest: true }], window }, { name: "window" })).toBe(201);
  expect(await fleet.poll()).toEqual([]);
  expect(await fleet.answers()).toEqual({ OUTSIDE_WINDOW: 12 });
  await act(fleet, { act: "abort" });

  const expires = new Date(Date.now() + 3000).toISOString();
  await fleet.create({ waves: [{ count: 2 }, { rest: true }], concurrency: 2, expires_at: expires }, { name: "short" });
  const begun = await fleet.poll();
  expect(begun).toHaveLength(2);
  await expect.poll(async () => (await get(`/${fleet.deployment}`)).state, { timeout: 15_000 }).toBe("ending");
  expect(await fleet.poll()).toEqual(begun);
  await fleet.report(begun, "success");
  await fleet.tick();
  expect(await fleet.state()).toEqual({ state: "finished", ended: "EXPIRED" });
});

test("nobody begins before somebody else has approved", async () => {
  const fleet = await RolloutFleet.make(server, 3);
  await fleet.create({ waves: [{ rest: true }], approvals: 1 });
  expect(await fleet.poll()).toEqual([]);
  expect(await fleet.answers()).toEqual({ NEEDS_APPROVAL: 3 });
  const own = await act(fleet, { act: "approve" });
  expect([own.status, own.body.error]).toEqual([409, expect.stringContaining("IS_AUTHOR")]);
  await query(
    server,
    `UPDATE rollouts SET memory = memory || '{"author": "another"}' WHERE deployment_id = $1`,
    fleet.deployment,
  );
  expect((await act(fleet, { act: "approve" })).status).toBe(200);
  await server.server.services.notices.caughtUp();
  expect(await fleet.poll()).toHaveLength(3);
});

test("a device takes a deployment of a higher priority first, and the older one ends for it", async () => {
  const fleet = await RolloutFleet.make(server, 2);
  await fleet.create({ waves: [{ rest: true }] });
  const older = fleet.deployment;
  await fleet.create({ waves: [{ rest: true }], priority: 5 }, { name: "urgent" });
  expect(await fleet.poll()).toHaveLength(2);
  await fleet.report(fleet.members, "success");
  await fleet.poll();
  fleet.deployment = older;
  await fleet.tick();
  expect(await fleet.tallies()).toEqual({ "-1 aborted": 2 });
  expect(await fleet.state()).toEqual({ state: "finished", ended: "FINISHED" });
});

test("Mender's phases are waves, and a deployment has either them or a plan", async () => {
  const fleet = await RolloutFleet.make(server, 10);
  const phases = [{ batch_size: 30 }, { start_ts: "2999-01-01T00:00:00Z" }];
  expect(await fleet.create({ waves: [{ rest: true }] }, { phases })).toMatchObject({ code: "REQUEST_INVALID" });
  const answer = await server.request("POST", "/api/management/v1/deployments/deployments", {
    ...{ name: "phases", artifact_name: fleet.release, devices: fleet.members.map(({ id }) => id), phases },
  });
  fleet.deployment = answer.headers.get("location")?.split("/").at(-1) ?? "";
  expect(await fleet.poll()).toHaveLength(3);
});
