import { afterAll, beforeAll, expect, test } from "vitest";
import { addPerson, addRole } from "../support/server/people.ts";
import { RolloutFleet } from "../support/server/rollout-fleet.ts";
import { query } from "../support/server/seed.ts";
import { makeDevice } from "../support/server/test-devices.ts";
import { startTestServer, type TestServer } from "../support/server/test-server.ts";

let server: TestServer;
let fleet: RolloutFleet;
beforeAll(async () => {
  server = await startTestServer();
  fleet = await RolloutFleet.make(server, 8);
  await fleet.create({ waves: [{ count: 3, gate: { success_pct: 100 } }, { rest: true }], halt: { failure_count: 0 } });
});
afterAll(() => server.close());

interface Item {
  readonly code: string;
  readonly facts: Readonly<Record<string, unknown>>;
  readonly about?: { readonly type: string; readonly id: string };
}
type Caller = Pick<TestServer, "request">;

async function attention(caller: Caller = server): Promise<readonly Item[]> {
  await server.server.services.checkIns.flush();
  return (await (await caller.request("GET", "/api/management/v2/attention")).json()) as Item[];
}

interface Why {
  readonly answer?: { readonly code: string; readonly deployment?: string };
  readonly next_poll?: string;
  readonly last_poll?: string;
  readonly poll_interval_s?: number;
  readonly is_silent: boolean;
  readonly deployments: readonly {
    readonly id: string;
    readonly reason: string;
    readonly failed?: string;
    readonly checks: readonly { readonly check: string; readonly result: string }[];
  }[];
}

async function why(device: string, caller: Caller = server): Promise<{ status: number; body: Why }> {
  await server.server.services.checkIns.flush();
  const answer = await caller.request("GET", `/api/management/v2/devices/${device}/why`);
  return { status: answer.status, body: (await answer.json()) as Why };
}

test("a device says which check it failed, and when it polls next", async () => {
  const [member] = fleet.members;
  if (member === undefined) throw new Error("an empty fleet");
  const before = (await why(member.id)).body;
  expect([before.deployments[0]?.reason, before.deployments[0]?.failed]).toEqual(["NOT_ASKED_YET", "HAS_ASKED"]);
  expect(before.next_poll).toBeUndefined();
  const begun = await fleet.poll();
  const other = fleet.members.find((one) => !begun.includes(one));
  const { body } = await why(other?.id ?? "");
  expect(["WAITS_FOR_WAVE", "WAITS_FOR_PLACE"]).toContain(body.answer?.code);
  expect(body.answer?.deployment).toBe(fleet.deployment);
  const [one] = body.deployments;
  expect(one).toMatchObject({ id: fleet.deployment, reason: body.answer?.code });
  expect(["WAVE_OPEN", "PLACE_FREE"]).toContain(one?.failed);
  const results = Object.fromEntries(one?.checks.map(({ check, result }) => [check, result]) ?? []);
  expect(results).toMatchObject({ IN_TARGET: "passed", ROLLOUT_OPEN: "passed", ARTIFACT_FITS: "unknown" });
  await query(
    server,
    "UPDATE device_state SET poll_interval_s = 600, check_in_at = now() - interval '21 minutes 5 seconds' WHERE device_id = $1",
    other?.id,
  );
  const late = (await why(other?.id ?? "")).body;
  const gap = Date.parse(late.next_poll ?? "") - Date.parse(late.last_poll ?? "");
  expect([late.poll_interval_s, late.is_silent, gap]).toEqual([600, true, 600_000]);
  const outsider = await makeDevice(server);
  expect((await why(outsider.device)).body.deployments[0]).toMatchObject({ failed: "IN_TARGET" });
  expect((await why("00000000-0000-4000-8000-000000000000")).status).toBe(404);
});

test("what needs a person is sorted by harm, and everybody sees their part of it", async () => {
  await query(server, "UPDATE device_state SET check_in_at = NULL, poll_interval_s = NULL");
  const quiet = await attention();
  expect(quiet).toEqual([]);
  await makeDevice(server, "pending");
  const begun = await fleet.poll();
  await fleet.report(begun.slice(0, 1), "failure");
  await fleet.poll(begun.slice(0, 1), "v0_INCONSISTENT");
  await fleet.tick();
  const ids = fleet.members.map(({ id }) => id);
  await server.request("PATCH", "/api/management/v1/inventory/groups/north/devices", ids);
  await server.server.services.checkIns.flush();
  await query(
    server,
    `UPDATE device_state SET poll_interval_s = 60, check_in_at = now() - interval '1 hour' WHERE device_id = ANY ($1)`,
    ids.slice(0, 4),
  );
  await query(
    server,
    `INSERT INTO webhooks (tenant_id, id, url, events, failures, failing_since)
      VALUES ($1, gen_random_uuid(), 'https://hook.example.com/', '{}', 7, now())`,
    server.tenant.id,
  );
  const items = await attention();
  expect(items.map(({ code, facts, about }) => [code, facts["devices"], about?.type])).toEqual([
    ["DEVICES_INCONSISTENT", 1, undefined],
    ["ROLLOUT_HALTED", undefined, "rollout"],
    ["GROUP_SILENT", 4, "group"],
    ["DEVICES_PENDING", 1, undefined],
    ["WEBHOOK_FAILING", undefined, "webhook"],
    ["DEVICES_SILENT", 4, undefined],
  ]);
  expect(items[1]).toMatchObject({ about: { id: fleet.deployment }, facts: { rule: "FAILURE_COUNT", limit: 0 } });

  await addRole(server, "south", [{ name: "ReadDevices", scope: { type: "DeviceGroups", value: ["south"] } }]);
  expect(await attention(await addPerson(server, ["south"]))).toEqual([]);
  await addRole(server, "north", [{ name: "ReadDevices", scope: { type: "DeviceGroups", value: ["north"] } }]);
  const north = await addPerson(server, ["north"]);
  expect((await attention(north)).map(({ code }) => code)).toEqual([
    ...["DEVICES_INCONSISTENT", "ROLLOUT_HALTED", "GROUP_SILENT", "DEVICES_SILENT"],
  ]);
  expect((await why(ids[0] ?? "", north)).status).toBe(200);
});

test("a rollout that waits for approval needs whoever has not made it", async () => {
  const other = await RolloutFleet.make(server, 1);
  await other.create({ waves: [{ rest: true }], approvals: 1 });
  const mine = (await attention()).find(({ code }) => code === "ROLLOUT_NEEDS_APPROVAL");
  expect(mine).toMatchObject({ facts: { have: 0, need: 1, byYou: 0 }, about: { id: other.deployment } });
  const admin = await addPerson(server, ["RBAC_ROLE_PERMIT_ALL"]);
  const theirs = (await attention(admin)).find(({ code }) => code === "ROLLOUT_NEEDS_APPROVAL");
  expect(theirs).toMatchObject({ facts: { byYou: 1 } });
});

test("the series of a rollout is what the devices were after each step", async () => {
  const path = `/api/management/v2/deployments/rollouts/${fleet.deployment}`;
  interface Series {
    readonly step: number;
    readonly points: readonly { readonly time: string; readonly counts: Readonly<Record<string, number>> }[];
  }
  const read = async (rest: string) => (await (await server.request("GET", `${path}/series${rest}`)).json()) as Series;
  const { step, points } = await read("");
  expect(step).toBe(60);
  expect(points.at(-1)?.counts).toEqual({ updated: 0, had: 0, failed: 1, unfit: 0, left: 0, under_way: 2 });
  // What was before is in the first point, too.
  await query(
    server,
    "UPDATE deployment_series SET minute = minute - interval '3 hours' WHERE deployment_id = $1 AND status = 'failure'",
    fleet.deployment,
  );
  const later = await read(`?from=${new Date(Date.now() - 3_600_000).toISOString()}&step=3600`);
  expect(later.points.at(-1)?.counts["failed"]).toBe(1);
  expect(later.points.every(({ counts }) => counts["failed"] === 1)).toBe(true);
  const far = await server.request("GET", `${path}/series?from=2020-01-01T00:00:00Z`);
  expect(far.status).toBe(400);
});
