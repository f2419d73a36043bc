import { afterAll, beforeAll, expect, test } from "vitest";
import { addPerson, addRole } from "../support/server/people.ts";
import { query } from "../support/server/seed.ts";
import { makeDevice, setAttributes } from "../support/server/test-devices.ts";
import { startTestServer, type TestServer } from "../support/server/test-server.ts";

const FILTERS = "/api/management/v2/inventory/filters";
const AT_ANTWERP = { scope: "inventory", attribute: "site", type: "$eq", value: "antwerp" };
const IN_LAB = { scope: "system", attribute: "group", type: "$eq", value: "lab" };

let server: TestServer;
/** By their names: `north` and `south` are at Antwerp, `south` and `west` in the group `lab`. */
const devices: Record<"north" | "south" | "west", string> = { north: "", south: "", west: "" };
/** Limited to the group `lab`. */
let person: Awaited<ReturnType<typeof addPerson>>;

beforeAll(async () => {
  server = await startTestServer();
  for (const name of ["north", "south", "west"] as const) {
    const { device } = await makeDevice(server);
    devices[name] = device;
    await setAttributes(server, device, { name, site: name === "west" ? "ghent" : "antwerp" });
  }
  await server.request("PATCH", "/api/management/v1/inventory/groups/lab/devices", [devices.south, devices.west]);
  await addRole(server, "lab", [{ name: "ManageDevices", scope: { type: "DeviceGroups", value: ["lab"] } }]);
  person = await addPerson(server, ["lab"]);
});
afterAll(() => server.close());

async function add(name: string, terms: unknown, by: Pick<TestServer, "request"> = server): Promise<string> {
  const answer = await by.request("POST", FILTERS, { name, terms });
  expect(answer.status, await answer.clone().text()).toBe(201);
  return answer.headers.get("location") ?? "";
}
const codeOf = async (answer: Response): Promise<readonly unknown[]> => [
  answer.status,
  ((await answer.json()) as { code?: string }).code,
];
async function membersOf(path: string, by: Pick<TestServer, "request"> = server): Promise<unknown> {
  const found = (await (await by.request("GET", `${path}/search?sort=name`)).json()) as { id: string }[];
  const count = await (await by.request("GET", `${path}/count`)).json();
  expect(count).toEqual({ count: found.length, exact: true });
  return found.map(({ id }) => Object.entries(devices).find(([, device]) => device === id)?.[0]);
}

test("a dynamic group is made, shown, changed, listed and deleted, with a record of each change", async () => {
  const path = await add("antwerp", [AT_ANTWERP]);
  const id = path.split("/").at(-1);
  expect(await (await server.request("GET", path)).json()).toEqual({ id, name: "antwerp", terms: [AT_ANTWERP] });
  expect(await membersOf(path)).toEqual(["north", "south"]);
  const terms = [{ any: [{ all: [AT_ANTWERP, { not: IN_LAB }] }, { ...AT_ANTWERP, value: "ghent" }] }];
  expect((await server.request("PUT", path, { name: "not the lab", terms })).status).toBe(204);
  expect(await membersOf(path)).toEqual(["north", "west"]);
  await add("all", [{ ...AT_ANTWERP, type: "$exists", value: true }]);
  const list = (await (await server.request("GET", FILTERS)).json()) as { name: string }[];
  expect(list.map(({ name }) => name)).toEqual(["all", "not the lab"]);
  expect(await (await server.request("GET", `${FILTERS}?name=not%20the%20lab`)).json()).toEqual([
    { id, name: "not the lab", terms },
  ]);
  expect((await server.request("DELETE", path)).status).toBe(204);
  expect((await server.request("GET", path)).status).toBe(404);
  const records = await query<{ action: string; difference: unknown }>(
    server,
    "SELECT action, difference FROM audit WHERE object ->> 'id' = $1 ORDER BY seq",
    id,
  );
  expect(records.map(({ action, difference }) => [action, difference])).toEqual([
    ["create", { name: { after: "antwerp" }, terms: { after: [AT_ANTWERP] } }],
    ["update", { name: { before: "antwerp", after: "not the lab" }, terms: { before: [AT_ANTWERP], after: terms } }],
    ["delete", {}],
  ]);
});

test("members come and go with what devices report", async () => {
  const path = await add("brussels", [{ ...AT_ANTWERP, value: "brussels" }]);
  expect(await membersOf(path)).toEqual([]);
  await setAttributes(server, devices.west, { name: "west", site: "brussels" });
  expect(await membersOf(path)).toEqual(["west"]);
  await setAttributes(server, devices.west, { name: "west", site: "ghent" });
  expect(await membersOf(path)).toEqual([]);
});

test("members are walked by cursor", async () => {
  const path = await add("walked", [AT_ANTWERP]);
  const first = await server.request("GET", `${path}/search?sort=name&per_page=1&cursor=`);
  expect(((await first.json()) as { id: string }[]).map(({ id }) => id)).toEqual([devices.north]);
  const cursor = encodeURIComponent(first.headers.get("x-next-cursor") ?? "");
  const second = await server.request("GET", `${path}/search?sort=name&per_page=1&cursor=${cursor}`);
  expect(((await second.json()) as { id: string }[]).map(({ id }) => id)).toEqual([devices.south]);
  expect(second.headers.get("x-next-cursor")).toBeNull();
});

test("a search takes terms in its filters", async () => {
  const filters = [{ any: [{ all: [AT_ANTWERP, IN_LAB] }, { ...AT_ANTWERP, value: "ghent" }] }, { not: IN_LAB }];
  const search = async (wanted: unknown) =>
    (await (await server.request("POST", `${FILTERS}/search`, { filters: wanted })).json()) as { id: string }[];
  expect(await search(filters)).toEqual([]);
  expect((await search(filters.slice(0, 1))).map(({ id }) => id).toSorted()).toEqual(
    [devices.south, devices.west].toSorted(),
  );
});

for (const [title, body, expected] of [
  ["without terms", { name: "x", terms: [] }, [400, "REQUEST_INVALID"]],
  ["without a name", { name: "", terms: [AT_ANTWERP] }, [400, "REQUEST_INVALID"]],
  ["with a name of two lines", { name: "a\nb", terms: [AT_ANTWERP] }, [400, "REQUEST_INVALID"]],
  ["with a wrong operator", { name: "x", terms: [{ ...AT_ANTWERP, type: "$like" }] }, [400, "REQUEST_INVALID"]],
  [
    "with a wrong pattern",
    { name: "x", terms: [{ ...AT_ANTWERP, type: "$regex", value: "(" }] },
    [400, "REQUEST_INVALID"],
  ],
  ["with a wrong term inside", { name: "x", terms: [{ not: { all: [{}] } }] }, [400, "REQUEST_INVALID"]],
  ["with a name that is taken", { name: "walked", terms: [AT_ANTWERP] }, [409, "CONFLICT"]],
] as const)
  test(`a dynamic group ${title} is refused`, async () => {
    expect(await codeOf(await server.request("POST", FILTERS, body))).toEqual(expected);
  });

test("somebody with a limited role sees the members in sight, and makes groups within it", async () => {
  const path = await add("for all", [AT_ANTWERP]);
  expect(await membersOf(path, person)).toEqual(["south"]);
  for (const terms of [
    [AT_ANTWERP],
    [{ any: [IN_LAB, AT_ANTWERP] }],
    [{ not: { not: IN_LAB } }],
    [{ ...IN_LAB, value: "b" }],
  ])
    expect(await codeOf(await person.request("POST", FILTERS, { name: "mine", terms }))).toEqual([403, "FORBIDDEN"]);
  const own = await add("mine", [IN_LAB, AT_ANTWERP], person);
  expect(await codeOf(await person.request("PUT", own, { name: "mine", terms: [AT_ANTWERP] }))).toEqual([
    ...[403, "FORBIDDEN"],
  ]);
  expect(await codeOf(await person.request("PUT", path, { name: "for all", terms: [IN_LAB] }))).toEqual([
    ...[403, "FORBIDDEN"],
  ]);
  expect(await codeOf(await person.request("DELETE", path))).toEqual([403, "FORBIDDEN"]);
  expect((await person.request("DELETE", own)).status).toBe(204);
});

test("more than 10,000 members are estimated, and counted when asked for", async () => {
  await query(
    server,
    `WITH made AS (SELECT gen_random_uuid() AS id FROM generate_series(1, 12000)),
      devices AS (INSERT INTO devices (tenant_id, id, identity, identity_hash, status)
        SELECT $1::uuid, id, '{}', decode(replace(id::text, '-', ''), 'hex'), 'accepted' FROM made RETURNING id)
      INSERT INTO inventory (tenant_id, device_id, status, attributes)
      SELECT $1::uuid, id, 'accepted', '{"inventory": {"crowd": "yes"}}' FROM devices`,
    server.tenant.id,
  );
  await query(
    server,
    "INSERT INTO device_counts (tenant_id, what, shard, n) VALUES ($1, 'status:accepted', 99, 12000)",
    server.tenant.id,
  );
  const path = await add("crowd", [{ scope: "inventory", attribute: "crowd", type: "$exists", value: true }]);
  const about = (await (await server.request("GET", `${path}/count`)).json()) as { count: number; exact: boolean };
  expect(about.exact).toBe(false);
  expect(about.count).toBeGreaterThan(10_000);
  expect(about.count).toBeLessThan(14_000);
  expect(await (await server.request("GET", `${path}/count?exact=true`)).json()).toEqual({
    count: 12_000,
    exact: true,
  });
  const seen = (await (await person.request("GET", `${path}/count`)).json()) as object;
  expect(seen).toEqual({ count: 0, exact: true });
});
