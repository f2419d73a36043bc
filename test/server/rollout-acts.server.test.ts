import { afterAll, beforeAll, expect, test } from "vitest";
import { RolloutFleet } from "../support/server/rollout-fleet.ts";
import { query } from "../support/server/seed.ts";
import { startTestServer, type TestServer } from "../support/server/test-server.ts";

let server: TestServer;
beforeAll(async () => {
  server = await startTestServer();
});
afterAll(() => server.close());

const GATE = { success_pct: 100, soak_s: 3600 };

async function act(fleet: RolloutFleet, body: object): Promise<number> {
  const path = `/api/management/v2/deployments/rollouts/${fleet.deployment}/acts`;
  return (await server.request("POST", path, body)).status;
}

test("a halt rule that aborts ends the rollout, and devices that have begun may still report", async () => {
  const fleet = await RolloutFleet.make(server, 10);
  const halt = { failure_count: 0, action: "abort" };
  await fleet.create({ waves: [{ count: 3 }, { rest: true, start_at: "2999-01-01T00:00:00Z" }], halt });
  const begun = await fleet.poll();
  await fleet.report(begun.slice(0, 1), "failure");
  await fleet.tick();
  expect(await fleet.state()).toEqual({ state: "aborted", ended: "HALTED" });
  expect(await fleet.decisions()).toEqual(["OPENED", "GATE_MET", "PASSED", "HALTED", "ENDED"]);
  expect(await fleet.poll()).toEqual([]);
  expect(await fleet.tallies()).toEqual({ "-1 aborted": 7, "0 aborted": 2, "0 failure": 1 });
});

test("a device that takes too long counts as a failure", async () => {
  const fleet = await RolloutFleet.make(server, 10);
  const halt = { failure_pct: 50, min_reports: 2, overdue_after_s: 60 };
  await fleet.create({ waves: [{ count: 4 }, { rest: true, start_at: "2999-01-01T00:00:00Z" }], halt });
  const begun = await fleet.poll();
  await fleet.report(begun.slice(0, 1), "success");
  await fleet.tick();
  expect(await fleet.decisions()).toEqual(["OPENED", "GATE_MET", "PASSED"]);
  await query(
    server,
    "UPDATE device_deployments SET started_at = started_at - interval '2 minutes' WHERE deployment_id = $1",
    fleet.deployment,
  );
  await query(server, "UPDATE rollout_clocks SET wake_at = now() WHERE deployment_id = $1", fleet.deployment);
  await fleet.tick();
  expect(await fleet.decisions()).toEqual(["OPENED", "GATE_MET", "PASSED", "HALTED"]);
});

test("a person opens the next wave early, or lets it soak no longer", async () => {
  const fleet = await RolloutFleet.make(server, 9);
  await fleet.create({ waves: [{ count: 2, gate: GATE }, { count: 3, gate: GATE }, { rest: true }] });
  const first = await fleet.poll();
  expect(first).toHaveLength(2);
  expect(await act(fleet, { act: "skip_soak" })).toBe(409);
  expect(await act(fleet, { act: "open_next" })).toBe(200);
  await fleet.tick();
  const second = (await fleet.poll()).filter((one) => !first.includes(one));
  expect(second).toHaveLength(3);
  await fleet.report([...first, ...second], "success");
  await fleet.tick();
  expect((await fleet.poll()).length).toBe(0);
  expect(await act(fleet, { act: "skip_soak" })).toBe(200);
  await fleet.tick();
  expect(await fleet.poll()).toHaveLength(4);
  expect(await fleet.decisions()).toEqual([
    ...["OPENED", "OPENED_EARLY", "GATE_MET", "SOAK_SKIPPED", "PASSED", "OPENED"],
  ]);
  expect(await fleet.broken()).toEqual([]);
});

test("a wave for a group is for its devices first", async () => {
  const fleet = await RolloutFleet.make(server, 8);
  const friends = fleet.members.slice(0, 3);
  const path = "/api/management/v1/inventory/groups/friends/devices";
  expect(
    (
      await server.request(
        "PATCH",
        path,
        friends.map(({ id }) => id),
      )
    ).status,
  ).toBe(200);
  await fleet.create({ waves: [{ group: "friends", gate: GATE }, { rest: true }] });
  const begun = await fleet.poll();
  expect(begun.map(({ id }) => id).toSorted()).toEqual(friends.map(({ id }) => id).toSorted());
});

test("a device that has finished a newer deployment does not try again, and is not counted so", async () => {
  const fleet = await RolloutFleet.make(server, 4);
  await fleet.create({ waves: [{ count: 3 }, { rest: true, start_at: "2999-01-01T00:00:00Z" }] });
  const begun = await fleet.poll();
  await fleet.report(begun, "failure");
  await fleet.tick();
  await query(
    server,
    "UPDATE device_state SET finished_seq = finished_seq + 1000 WHERE device_id = $1",
    begun[0]?.id ?? "",
  );
  const path = `/api/management/v2/deployments/rollouts/${fleet.deployment}`;
  const ask = async (body: object) =>
    (await (await server.request("POST", `${path}/acts`, body)).json()) as { effects: object[]; decisions: object[] };
  const again = { code: "TRY_AGAIN", devices: 2 };
  expect((await ask({ act: "retry_failed", dry_run: true })).effects).toContainEqual(again);
  const summary = (await (await server.request("GET", `${path}/summary`)).json()) as {
    acts: { act: string; effects: object[] }[];
  };
  expect(summary.acts.find(({ act: name }) => name === "retry_failed")?.effects).toContainEqual(again);
  const { effects, decisions } = await ask({ act: "retry_failed" });
  expect([effects[0], decisions[0]]).toEqual([again, { code: "RETRIED", facts: { failed: 2 } }]);
  expect(await fleet.tallies()).toEqual({ "0 failure": 1, "0 pending": 2 });
  await fleet.report(begun.slice(1), "success");
  await fleet.tick();
  expect(await act(fleet, { act: "retry_failed" })).toBe(409);
  expect(await fleet.broken()).toEqual([]);
});
