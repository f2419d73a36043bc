import { afterAll, beforeAll, expect, test } from "vitest";
import { RolloutFleet } from "../support/server/rollout-fleet.ts";
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
