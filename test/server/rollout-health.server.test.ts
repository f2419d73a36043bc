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

test("the next wave opens only when updated devices poll with the release and their attributes are in range", async () => {
  const fleet = await RolloutFleet.make(server, 8);
  const health = {
    well_pct: 75,
    attributes: [
      { attribute: "temperature", max: 80 },
      { attribute: "load", max: 4.5 },
    ],
  };
  await fleet.create({ waves: [{ count: 4, gate: { success_pct: 100, health } }, { rest: true }] });
  const path = `/api/management/v2/deployments/rollouts/${fleet.deployment}`;
  const gate = async () => {
    await server.server.services.checkIns.flush();
    await fleet.tick();
    const { wave_list: waves, waits } = (await (await server.request("GET", path)).json()) as {
      wave_list: { gate?: { is_met: boolean; health?: object } }[];
      waits: { code: string }[];
    };
    return { ...waves[0]?.gate, waits: waits[0]?.code };
  };
  const begun = await fleet.poll();
  await fleet.report(begun.slice(0, 3), "success");
  expect(await gate()).toMatchObject({ is_met: false, waits: "GATE" });
  await fleet.report(begun.slice(3), "success");
  // None of them has polled since.
  expect(await gate()).toMatchObject({ is_met: false, health: { looked: 4, well: 0, needed: 3 }, waits: "HEALTH" });
  await fleet.poll(begun, fleet.release);
  // They poll, but nobody knows how warm they are. A client may write numbers as texts.
  expect(await gate()).toMatchObject({ health: { looked: 4, well: 0, needed: 3 } });
  const [a, b, c, d] = begun.map(({ id }) => id);
  await setAttributes(server, a ?? "", { temperature: 61, load: 0.5 });
  await setAttributes(server, b ?? "", { temperature: "80", load: "4.5" });
  await setAttributes(server, c ?? "", { temperature: "80.5", load: 1 });
  await setAttributes(server, d ?? "", { temperature: "hot", load: 1 });
  expect(await gate()).toMatchObject({ health: { looked: 4, well: 2, needed: 3 } });
  await setAttributes(server, c ?? "", { temperature: 79, load: 1 });
  // A device that was not heard for long is not well, whatever it has reported.
  const age = (hours: number) =>
    query(
      server,
      "UPDATE device_state SET check_in_at = check_in_at - make_interval(hours => $2) WHERE device_id = $1",
      ...[a, hours],
    );
  await query(
    server,
    "UPDATE device_deployments SET finished_at = finished_at - interval '9 hours' WHERE device_id = $1",
    a,
  );
  await age(3);
  expect(await gate()).toMatchObject({ health: { looked: 4, well: 2, needed: 3 } });
  expect(await fleet.decisions()).toEqual(["OPENED"]);
  await age(-3);
  // The server looks by itself: no counter has changed.
  await expect.poll(() => fleet.decisions(), { timeout: 30_000 }).toEqual(["OPENED", "GATE_MET", "PASSED", "OPENED"]);
});

test("a rollout halts when devices that were updated fall silent or warm up, and not because of those that have yet to poll", async () => {
  const fleet = await RolloutFleet.make(server, 10);
  const health = { well_pct: 75, attributes: [{ attribute: "temperature", max: 80 }] };
  const halt = { health, min_reports: 3 };
  await fleet.create({ waves: [{ count: 5, gate: { success_pct: 100, soak_s: 3600 } }, { rest: true }], halt });
  const look = async (): Promise<string[]> => {
    await server.server.services.checkIns.flush();
    await fleet.tick();
    return fleet.decisions();
  };
  const begun = await fleet.poll();
  await fleet.report(begun, "success");
  expect(await look()).toEqual(["OPENED", "GATE_MET"]);
  for (const { id } of begun.slice(0, 4)) await setAttributes(server, id, { temperature: 60 });
  await fleet.poll(begun.slice(0, 4), fleet.release);
  expect(await look()).toEqual(["OPENED", "GATE_MET"]);
  // One of four may be too warm, and the fifth should have polled by now.
  await setAttributes(server, begun[0]?.id ?? "", { temperature: 90 });
  expect(await look()).toEqual(["OPENED", "GATE_MET"]);
  const silent = begun[4]?.id;
  await query(
    server,
    "UPDATE device_deployments SET finished_at = finished_at - interval '9 hours' WHERE device_id = $1",
    silent,
  );
  await query(
    server,
    "UPDATE device_state SET check_in_at = check_in_at - interval '10 hours' WHERE device_id = $1",
    silent,
  );
  // The server looks by itself: no counter has changed.
  await expect.poll(() => fleet.decisions(), { timeout: 30_000 }).toEqual(["OPENED", "GATE_MET", "HALTED"]);
  const path = `/api/management/v2/deployments/rollouts/${fleet.deployment}`;
  const { halt: halted } = (await (await server.request("GET", path)).json()) as { halt: object };
  expect(halted).toMatchObject({ rule: "HEALTH", reading: 60, limit: 75 });
});
