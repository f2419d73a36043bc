import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, expect, test } from "vitest";
import { startParameters } from "../../server/adapters/postgres/filter-sql.ts";
import { countedStatement, searchAndCount } from "../../server/adapters/postgres/inventory-search.ts";
import { addTenant } from "../../server/adapters/postgres/people.ts";
import { parseConditions } from "../../server/domain/filters/predicate.ts";
import { makeDevice, setAttributes } from "../support/server/test-devices.ts";
import { startTestServer, type TestServer } from "../support/server/test-server.ts";

const V1 = "/api/management/v1/inventory";
const V2 = "/api/management/v2/inventory";
let server: TestServer;
/** Three accepted devices, and a pending one. */
let ids: string[];
beforeAll(async () => {
  server = await startTestServer();
  ids = [];
  for (const [n, status] of (["accepted", "accepted", "accepted", "pending"] as const).entries()) {
    const { device } = await makeDevice(server, status, { sn: `serial-${n}` });
    await setAttributes(server, device, {
      mem: `${9 + n}`,
      kind: n === 0 ? "board" : "box",
      ips: [`10.0.0.${n}`, "::1"],
    });
    ids.push(device);
  }
});
afterAll(() => server.close());

type Found = { id: string; attributes: { scope: string; name: string; value: unknown }[] }[];
async function ask<T>(method: string, path: string, body?: unknown, headers?: Record<string, string>) {
  const answer = await server.request(method, path, body, headers);
  const text = await answer.text();
  return { status: answer.status, headers: answer.headers, body: (text === "" ? undefined : JSON.parse(text)) as T };
}
const search = async (body: object): Promise<{ found: number[]; total: string | null; status: number }> => {
  const { status, body: rows, headers } = await ask<Found>("POST", `${V2}/filters/search`, body);
  const found = status === 200 ? rows.map(({ id }) => ids.indexOf(id)) : [];
  return { status, found, total: headers.get("x-total-count") };
};
const where = (attribute: string, type: string, value: unknown, scope = "inventory") => ({
  scope,
  attribute,
  type,
  value,
});
const sort = [{ scope: "identity", attribute: "sn" }];

for (const [title, filters, expected] of [
  ["nothing asks for all", [], [0, 1, 2, 3]],
  ["a status", [where("status", "$eq", "accepted", "identity")], [0, 1, 2]],
  ["numbers that were reported as texts", [where("mem", "$gt", 9), where("mem", "$lte", "11")], [1, 2]],
  ["an element of a list", [where("ips", "$in", ["10.0.0.2", "10.0.0.3"])], [2, 3]],
  ["a part of a text", [where("sn", "$regex", "-[02]$", "identity")], [0, 2]],
  ["what is missing", [where("nothing", "$exists", false), where("kind", "$ne", "box")], [0]],
] as const)
  test(`a search for ${title}`, async () => {
    expect(await search({ filters, sort })).toMatchObject({ found: expected, total: String(expected.length) });
  });

test("a search is paged and sorted, shows the attributes one wants, and is limited to ids or words", async () => {
  const byMemory = [{ scope: "inventory", attribute: "mem", order: "desc" }];
  expect(await search({ sort: byMemory, per_page: 2, page: 2 })).toMatchObject({ found: [1, 0], total: "4" });
  expect(await search({ sort, device_ids: [ids[2], randomUUID()] })).toMatchObject({ found: [2] });
  expect(await search({ sort, text: "SERIAL-1" })).toMatchObject({ found: [1] });
  // Ids are searched, too, and hold any digit behind any hyphen.
  expect(await search({ sort, text: "serial l-3" })).toMatchObject({ found: [3] });
  const { body } = await ask<Found>("POST", `${V2}/filters/search`, {
    device_ids: [ids[0]],
    attributes: [{ scope: "inventory", attribute: "mem" }],
  });
  expect(body).toMatchObject([{ id: ids[0], attributes: [{ scope: "inventory", name: "mem", value: "9" }] }]);
});

test("a search that means nothing is refused with its reason", async () => {
  for (const filters of [
    [where("a", "$like", "b")],
    [where("a", "$regex", "(")],
    [where("a", "$in", "b")],
    [where("a\u0000", "$eq", "b")],
    [where("a", "$eq", "\ud800")],
    [where("a", "$eq", { deep: 1 })],
    Array.from({ length: 101 }, () => where("a", "$eq", "b")),
  ])
    expect(await search({ filters })).toMatchObject({ status: 400 });
  for (const body of [{ page: 0 }, { per_page: 501 }, { device_ids: ["x"] }])
    expect(await search(body), JSON.stringify(body)).toMatchObject({ status: 400 });
});

test("an expression that others backtrack on is answered, and one that would be too large is refused", async () => {
  await setAttributes(server, ids[3] ?? "", {
    long: "a".repeat(20_000),
    mem: "12",
    kind: "box",
    ips: ["10.0.0.3", "::1"],
  });
  for (const pattern of ["^(a+)+$", "(a|a)*b", "(a*)*[^a]$", "(((a{0,9}){0,9}){0,9})[^a]$"])
    expect(await search({ filters: [where("long", "$regex", pattern)] }), pattern).toMatchObject({
      status: 200,
      found: pattern.startsWith("^") ? [3] : [],
    });
  expect(await search({ filters: [where("long", "$regex", "((a{99}){99}){99}")] })).toMatchObject({ status: 400 });
});

test("the first version of the API filters by the query", async () => {
  const list = async (query: string): Promise<number[]> =>
    (await ask<Found>("GET", `${V1}/devices?sort=identity/sn:asc&${query}`)).body.map(({ id }) => ids.indexOf(id));
  expect(await list("kind=box")).toEqual([1, 2, 3]);
  expect(await list("kind=eq:board")).toEqual([0]);
  expect(await list("identity/status=pending")).toEqual([3]);
  expect(await list("per_page=1&page=2")).toEqual([1]);
  expect((await ask("GET", `${V1}/devices/${randomUUID()}`)).status).toBe(404);
});

test("groups gather devices, and end with their last one", async () => {
  const [a, b, , pending] = ids;
  const unknown = randomUUID();
  expect((await ask("PATCH", `${V1}/groups/lab/devices`, [a, b, pending, unknown])).body).toEqual({
    matched_count: 3,
    updated_count: 3,
  });
  expect((await ask("PATCH", `${V1}/groups/lab/devices`, [a])).body).toEqual({ matched_count: 1, updated_count: 0 });
  expect((await ask("GET", `${V1}/groups`)).body).toEqual(["lab"]);
  expect((await ask<string[]>("GET", `${V1}/groups/lab/devices`)).body.toSorted()).toEqual([a, b, pending].toSorted());
  const group = where("group", "$eq", "lab", "system");
  const accepted = where("status", "$eq", "accepted", "identity");
  expect(await search({ filters: [group, accepted], sort, per_page: 1 })).toMatchObject({ found: [0], total: "2" });
  expect((await ask("PUT", `${V1}/devices/${b}/group`, { group: "field" })).status).toBe(204);
  expect((await ask("GET", `${V1}/devices/${b}/group`)).body).toEqual({ group: "field" });
  expect((await ask("GET", `${V1}/groups?status=pending`)).body).toEqual(["lab"]);
  expect((await ask("GET", `${V1}/groups?status=accepted`)).body).toEqual(["field", "lab"]);
  expect((await ask("DELETE", `${V1}/devices/${b}/group/lab`)).status).toBe(404);
  expect((await ask("DELETE", `${V1}/devices/${b}/group/field`)).status).toBe(204);
  expect((await ask("DELETE", `${V1}/groups/lab/devices`, [a, unknown])).body).toEqual({
    matched_count: 1,
    updated_count: 1,
  });
  expect((await ask("DELETE", `${V1}/groups/lab`)).status).toBe(204);
  expect((await ask("GET", `${V1}/groups`)).body).toEqual([]);
  expect((await ask("GET", `${V1}/groups/lab/devices`)).status).toBe(404);
  expect((await ask("PATCH", `${V1}/groups/a%20b/devices`, [a])).status).toBe(400);
});

test("tags are set and added, and a writer who read an older version is refused", async () => {
  const path = `${V1}/devices/${ids[0]}/tags`;
  const first = await ask("PUT", path, [{ name: "site", value: "north", description: "where" }]);
  expect([first.status, first.headers.get("etag")]).toEqual([200, '"1"']);
  expect((await ask("PATCH", path, [{ name: "rack", value: "7" }], { "if-match": '"1"' })).status).toBe(200);
  expect((await ask("PATCH", path, [{ name: "rack", value: "8" }], { "if-match": '"1"' })).status).toBe(412);
  const device = await ask<Found[0]>("GET", `${V1}/devices/${ids[0]}`);
  expect(device.headers.get("etag")).toBe('"2"');
  expect(device.body.attributes.filter(({ scope }) => scope === "tags")).toEqual([
    { scope: "tags", name: "rack", value: "7" },
    { scope: "tags", name: "site", value: "north", description: "where" },
  ]);
  expect(await search({ filters: [where("site", "$eq", "north", "tags")] })).toMatchObject({ found: [0] });
  const many = Array.from({ length: 19 }, (_, n) => ({ name: `t${n}`, value: "" }));
  expect((await ask("PATCH", path, many)).status).toBe(422);
  expect((await ask("PUT", path, [...many, ...many])).status).toBe(400);
  expect((await ask("DELETE", `${V1}/devices/${ids[0]}`)).status).toBe(204);
  expect((await ask<Found[0]>("GET", `${V1}/devices/${ids[0]}`)).body.attributes.map(({ name }) => name)).toEqual([
    "status",
    "sn",
    "created_ts",
    "updated_ts",
  ]);
});

test("names of attributes and statistics", async () => {
  const { body } = await ask("GET", `${V2}/filters/attributes`);
  expect(body).toContainEqual({ scope: "inventory", name: "ips", count: 3 });
  expect(body).toContainEqual({ scope: "identity", name: "sn", count: 4 });
  const tiers = (standard: number) => ({ standard, micro: 0, system: 0 });
  expect((await ask("GET", `${V2}/statistics`)).body).toEqual({
    devices_by_status: { accepted: tiers(3), pending: tiers(1) },
  });
});

test("the first page of a search on two attributes uses the index, however many devices there are", async () => {
  const { postgres } = server.server.services;
  const [plan, found] = await postgres.inTenant(server.tenant.id, async (session) => {
    await session.raw(
      `INSERT INTO devices (tenant_id, id, identity, identity_hash, status)
        SELECT $1, gen_random_uuid(), '{}', int8send(n), 'rejected' FROM generate_series(1, 20000) n`,
      [server.tenant.id],
    );
    await session.raw(
      `INSERT INTO inventory (tenant_id, device_id, status, attributes)
        SELECT $1, id, status, jsonb_build_object('inventory', jsonb_build_object('site', 's' || n % 300, 'kind', 'k' || n % 70))
        FROM (SELECT id, status, row_number() OVER () AS n FROM devices WHERE identity = '{}') AS made`,
      [server.tenant.id],
    );
    await session.raw("ANALYZE devices");
    await session.raw("ANALYZE inventory");
    const predicate = parseConditions([where("site", "$eq", "s7"), where("kind", "$eq", "k7")]);
    const parameters = startParameters([server.tenant.id]);
    const statement = countedStatement({ predicate }, { offset: 0, limit: 20 }, parameters);
    return [
      await session.raw<{ "QUERY PLAN": string }>(`EXPLAIN ${statement}`, parameters.values),
      await session.raw(statement, parameters.values),
    ];
  });
  expect(plan.map((line) => line["QUERY PLAN"]).join("\n")).toContain("Bitmap Index Scan on inventory_attributes");
  // Each 2100th device is of both: 10 of 20,000 at most.
  expect(found).toHaveLength(10);
});

test("a search counts the devices of its own tenant, also behind the last page, and estimates very many", async () => {
  const filters = [where("kind", "$exists", true)];
  const first = await ask<Found>("POST", `${V2}/filters/search`, { filters, page: 1, per_page: 3 });
  expect(first.body).toHaveLength(3);
  expect(Number(first.headers.get("x-total-count"))).toBeGreaterThan(10_000);
  const two = { filters: [where("site", "$eq", "s7"), where("kind", "$eq", "k7")], per_page: 4 };
  for (const [page, rows] of [
    [1, 4],
    [3, 2],
    [9, 0],
  ] as const) {
    const { body, headers } = await ask<Found>("POST", `${V2}/filters/search`, { ...two, page });
    expect([body.length, headers.get("x-total-count")]).toEqual([rows, "10"]);
  }
  const { postgres } = server.server.services;
  const other = await postgres.shared((session) => addTenant(session, "other"));
  const predicate = parseConditions([where("kind", "$exists", true)]);
  const found = await postgres.inTenant(other.id, (session) =>
    searchAndCount(session, other.id, { predicate }, { offset: 0, limit: 20 }),
  );
  expect(found).toEqual({ rows: [], total: 0 });
});
