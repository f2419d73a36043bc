import { afterAll, beforeAll, expect, test } from "vitest";
import { addPerson, addRole } from "../support/server/people.ts";
import { RolloutFleet } from "../support/server/rollout-fleet.ts";
import { addArtifact, query } from "../support/server/seed.ts";
import { startTestServer, type TestServer } from "../support/server/test-server.ts";

const ROLLOUTS = "/api/management/v2/deployments/rollouts";
const GROUPS = "/api/management/v1/inventory/groups";

let server: TestServer;
/** Limited to the group `ours`. */
let person: Awaited<ReturnType<typeof addPerson>>;
/** Of devices in the group, of devices outside of it, and of both. */
let ours: RolloutFleet;
let theirs: RolloutFleet;
let both: RolloutFleet;
const PLAN = { waves: [{ count: 2 }, { rest: true, start_at: "2999-01-01T00:00:00Z" }] };

beforeAll(async () => {
  server = await startTestServer();
  const fleets = [await RolloutFleet.make(server, 3), await RolloutFleet.make(server, 3)] as const;
  [ours, theirs] = fleets;
  both = await RolloutFleet.make(server, 3);
  await addArtifact(server, "v0");
  const idsOf = ({ members }: RolloutFleet, count = 3) => members.slice(0, count).map(({ id }) => id);
  await server.request("PATCH", `${GROUPS}/ours/devices`, [...idsOf(ours), ...idsOf(both, 1)]);
  await server.request("PATCH", `${GROUPS}/theirs/devices`, idsOf(theirs));
  for (const fleet of [ours, theirs, both]) {
    await fleet.create(PLAN);
    const begun = await fleet.poll();
    await fleet.report(begun, "success");
    await fleet.tick();
  }
  const groups = { type: "DeviceGroups", value: ["ours"] } as const;
  await addRole(server, "ours", [{ name: "DeployToDevices", scope: groups }, { name: "ReadReleases" }]);
  person = await addPerson(server, ["ours"]);
});
afterAll(() => server.close());

const statusOf = async (path: string, body?: unknown): Promise<number> =>
  (await person.request(body === undefined ? "GET" : "POST", `${ROLLOUTS}/${path}`, body)).status;

test("rollouts that concern no device of the groups are like those that are not there", async () => {
  const listed = (await (await person.request("GET", ROLLOUTS)).json()) as { id: string }[];
  expect(listed.map(({ id }) => id).toSorted()).toEqual([ours.deployment, both.deployment].toSorted());
  for (const rest of ["", "/summary", "/decisions", "/series"]) {
    expect(await statusOf(`${ours.deployment}${rest}`), rest).toBe(200);
    expect(await statusOf(`${both.deployment}${rest}`), rest).toBe(200);
    expect(await statusOf(`${theirs.deployment}${rest}`), rest).toBe(404);
  }
  expect(await statusOf(`${theirs.deployment}/acts`, { act: "pause" })).toBe(404);
});

test("who does not see all devices of a rollout does nothing to it, and its summary and dry run say so", async () => {
  const before = await query(server, "SELECT memory, rev FROM rollouts ORDER BY deployment_id");
  const acts = ["approve", "pause", "resume", "open_next", "skip_soak", "retry_failed", "abort", "roll_back"];
  for (const act of acts)
    for (const dry of [true, false])
      expect(await statusOf(`${both.deployment}/acts`, { act, dry_run: dry }), `${act} ${dry}`).toBe(403);
  expect(await query(server, "SELECT memory, rev FROM rollouts ORDER BY deployment_id")).toEqual(before);
  interface Acts {
    readonly acts: readonly { readonly act: string; readonly refused?: string }[];
  }
  const refusals = async (fleet: RolloutFleet) => {
    const { acts: all } = (await (
      await person.request("GET", `${ROLLOUTS}/${fleet.deployment}/summary`)
    ).json()) as Acts;
    return Object.fromEntries(all.map(({ act, refused }) => [act, refused ?? "possible"]));
  };
  expect(await refusals(both)).toMatchObject({ pause: "FORBIDDEN", abort: "FORBIDDEN", roll_back: "FORBIDDEN" });
  expect(await refusals(ours)).toMatchObject({ pause: "possible", abort: "possible", roll_back: "possible" });
});

test("a roll back is refused for devices that have left the groups since, and its dry run as well", async () => {
  const [moved] = await query<{ id: string }>(
    server,
    "SELECT device_id AS id FROM device_deployments WHERE deployment_id = $1 AND status = 'success' LIMIT 1",
    ours.deployment,
  );
  // The list of the deployment still has it.
  await query(server, "UPDATE inventory SET group_name = 'theirs' WHERE device_id = $1", moved?.id);
  const ask = (dry: boolean) => statusOf(`${ours.deployment}/acts`, { act: "roll_back", dry_run: dry });
  expect([await ask(true), await ask(false)]).toEqual([403, 403]);
  await query(server, "UPDATE inventory SET group_name = 'ours' WHERE device_id = $1", moved?.id);
  expect([await ask(true), await ask(false)]).toEqual([200, 200]);
});

test("a walk by cursor has the devices in sight only", async () => {
  const walk = async (path: string, body?: object): Promise<string[]> => {
    const found: string[] = [];
    let cursor = "";
    do {
      const at = `${path}${path.includes("?") ? "&" : "?"}per_page=1&cursor=${cursor}`;
      const paged = body === undefined ? undefined : { ...body, cursor, per_page: 1 };
      const answer = await person.request(body === undefined ? "GET" : "POST", at, paged);
      expect(answer.status, at).toBe(200);
      const rows = (await answer.json()) as { id: string }[];
      expect(rows.length, at).toBeLessThanOrEqual(1);
      found.push(...rows.map(({ id }) => id));
      cursor = answer.headers.get("x-next-cursor") ?? "";
    } while (cursor !== "");
    return found.toSorted();
  };
  const seen = [...ours.members, ...both.members.slice(0, 1)].map(({ id }) => id).toSorted();
  expect(await walk("/api/management/v2/devauth/devices")).toEqual(seen);
  expect(await walk("/api/management/v2/inventory/filters/search", {})).toEqual(seen);
  const list = `/api/management/v1/deployments/deployments/${both.deployment}/devices/list`;
  expect(await walk(list)).toEqual(both.members.slice(0, 1).map(({ id }) => id));
});
