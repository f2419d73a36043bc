import { randomUUID } from "node:crypto";
import { gzipSync } from "node:zlib";
import { afterAll, beforeAll, expect, test } from "vitest";
import { reportDeviceDeployment, setDeviceDeployment } from "../../server/adapters/postgres/device-deployments.ts";
import { finishDeployments } from "../../server/adapters/postgres/end-deployments.ts";
import { addTestArtifact } from "../support/server/artifacts.ts";
import { startTestServer, type TestServer } from "../support/server/test-server.ts";

const V1 = "/api/management/v1/deployments/deployments";
const V2 = "/api/management/v2/deployments/deployments";
/** Two are in the group `field`. All are accepted but the last. */
const DEVICES = [1, 2, 3, 4].map((n) => `0${n}000000-0000-4000-8000-000000000000`);
const [first = "", second = "", third = "", pending = ""] = DEVICES;
let server: TestServer;
const sqlOf = (text: string, ...values: unknown[]) =>
  server.server.services.postgres.inTenant(server.tenant.id, (session) =>
    session.raw(text, [server.tenant.id, ...values]),
  );

beforeAll(async () => {
  server = await startTestServer();
  for (const device of DEVICES) {
    const status = device === pending ? "pending" : "accepted";
    await sqlOf(
      `INSERT INTO devices (tenant_id, id, identity, identity_hash, status, accepted_at)
        VALUES ($1, $2, '{}', decode(md5(random()::text), 'hex'), $3::text, CASE WHEN $3::text = 'accepted' THEN now() END)`,
      device,
      status,
    );
    await sqlOf(
      `INSERT INTO inventory (tenant_id, device_id, status, group_name, group_since) VALUES ($1, $2, $3, $4, now())`,
      ...[device, status, device === first || device === second ? "field" : null],
    );
  }
  await sqlOf(
    `INSERT INTO device_counts (tenant_id, what, shard, n)
      VALUES ($1, 'status:accepted', 0, 1), ($1, 'status:accepted', 5, 2), ($1, 'group:field', 1, 2)`,
  );
  await addTestArtifact(server, { name: "app-1", deviceTypes: ["board"] });
});
afterAll(() => server.close());

interface Created {
  readonly status: number;
  readonly id: string;
  readonly body: Record<string, unknown> | undefined;
}
async function create(body: object, path = V1, headers: Record<string, string> = {}): Promise<Created> {
  const answer = await server.request("POST", path, { artifact_name: "app-1", ...body }, headers);
  const text = await answer.text();
  const id = answer.headers.get("location")?.split("/").at(-1) ?? "";
  return { status: answer.status, id, body: text === "" ? undefined : JSON.parse(text) };
}
async function get<T = Record<string, unknown>>(path: string): Promise<T> {
  const answer = await server.request("GET", path);
  if (answer.status !== 200) throw new Error(`${path}: ${answer.status} ${await answer.text()}`);
  return answer.json() as Promise<T>;
}
const report = (deployment: string, device: string, status: string, reason?: string) =>
  server.server.services.postgres.inTenant(server.tenant.id, (session) =>
    setDeviceDeployment(session, server.tenant.id, { deployment, device, status, reason }),
  );
const rowsOf = async (table: string, id: string) =>
  (await sqlOf(`SELECT FROM ${table} WHERE tenant_id = $1 AND deployment_id = $2`, id)).length;

test("a deployment to all devices is one row, and its count is exact", async () => {
  const { status, id } = await create({ name: "to all", all_devices: true, retries: 2 });
  expect(status).toBe(201);
  expect(await get(`${V1}/${id}`)).toMatchObject({
    ...{ id, name: "to all", artifact_name: "app-1", status: "pending", state: "pending", device_count: 3, retries: 2 },
    ...{ groups: [], type: "software", artifacts: [expect.any(String)], statistics: { status: { pending: 3 } } },
    created_by: { type: "user", email: "admin@example.com" },
  });
  expect([await rowsOf("deployment_targets", id), await rowsOf("device_deployments", id)]).toEqual([0, 0]);
  expect(await get(`${V1}/${id}/device_list`)).toEqual([first, second, third]);
});

test("a device that was accepted after a deployment was made is not in it", async () => {
  const { id } = await create({ name: "before the fifth", all_devices: true });
  const fifth = randomUUID();
  await sqlOf(
    `INSERT INTO devices (tenant_id, id, identity, identity_hash, status, accepted_at)
      VALUES ($1, $2, '{}', '5', 'accepted', clock_timestamp())`,
    fifth,
  );
  expect(await get(`${V1}/${id}/device_list`)).toEqual([first, second, third]);
  expect(await get(`${V1}/${id}/devices/${fifth}`)).toEqual({ is_target: false, reason: "NOT_IN_TARGET" });
  await sqlOf("DELETE FROM devices WHERE tenant_id = $1 AND id = $2", fifth);
});

for (const [title, body, path, status] of [
  ["a release that does not exist", { name: "x", artifact_name: "unknown", all_devices: true }, V1, 422],
  ["no device", { name: "x", devices: [] }, V1, 400],
  ["a list and all", { name: "x", devices: [first], all_devices: true }, V1, 400],
  ["a device that does not exist", { name: "x", devices: [first, randomUUID()] }, V1, 400],
  ["a device that is no id", { name: "x", devices: ["1"] }, V1, 400],
  ["an empty group", { name: "x" }, `${V1}/group/nobody`, 400],
  ["a group with a bad name", { name: "x" }, `${V1}/group/a%20b`, 400],
  ["no name", { name: "", all_devices: true }, V1, 400],
  ["a name with NUL", { name: "a\0b", all_devices: true }, V1, 400],
  ["too many retries", { name: "x", all_devices: true, retries: 1e9 }, V1, 400],
] as const)
  test(`a deployment with ${title} is refused with ${status}`, async () => {
    expect((await create(body, path)).status).toBe(status);
  });

test("the same deployment twice conflicts while it runs, whatever the order of its devices", async () => {
  const one = await create({ name: "twice", devices: [first, second] });
  expect((await create({ name: "twice", devices: [second, first, second] })).status).toBe(409);
  expect((await create({ name: "twice", devices: [first, third] })).status).toBe(201);
  expect((await create({ name: "twice" }, `${V1}/group/field`)).status).toBe(201);
  expect((await create({ name: "twice" }, `${V1}/group/field`)).status).toBe(409);
  expect((await server.request("PUT", `${V1}/${one.id}/status`, { status: "aborted" })).status).toBe(204);
  expect((await create({ name: "twice", devices: [second, first] })).status).toBe(201);
});

test("a request that is repeated with its Idempotency-Key makes one deployment", async () => {
  const headers = { "idempotency-key": "3f6c" };
  const body = { name: "once", all_devices: true };
  const [one, again] = await Promise.all([create(body, V1, headers), create(body, V1, headers)]);
  expect([one.status, again.status, again.id]).toEqual([201, 201, one.id]);
  expect((await get<unknown[]>(`${V2}?name=once`)).length).toBe(1);
  expect((await create({ ...body, name: "another" }, V1, headers)).status).toBe(422);
  expect((await create(body)).status).toBe(409);
});

test("what devices report is counted, listed and explained", async () => {
  const { id } = await create({ name: "followed", devices: [first, second, third, pending] });
  expect(await get(`${V1}/${id}/devices/${second}`)).toMatchObject({ is_target: true, reason: "NOT_ASKED_YET" });
  await report(id, first, "downloading");
  await report(id, second, "noartifact", "DEVICE_TYPE");
  expect(await get(`${V1}/${id}/statistics`)).toMatchObject({ downloading: 1, noartifact: 1, pending: 2, success: 0 });
  expect(await get(`${V1}/${id}`)).toMatchObject({ status: "inprogress", device_count: 4 });
  await server.server.services.postgres.inTenant(server.tenant.id, (session) =>
    reportDeviceDeployment(session, server.tenant.id, { deployment: id, device: first, status: "success" }),
  );
  const stats = await server.request("POST", `${V1}/statistics/list`, { deployment_ids: [id] });
  expect(await stats.json()).toMatchObject([{ id, stats: { success: 1, downloading: 0, noartifact: 1, pending: 2 } }]);

  const list = await server.request("GET", `${V1}/${id}/devices/list?per_page=3`);
  expect([list.headers.get("x-total-count"), await list.json()]).toMatchObject([
    "4",
    [{ status: "success" }, { status: "noartifact", reason: "DEVICE_TYPE" }, { id: third, status: "pending" }],
  ]);
  expect(await get(`${V1}/${id}/devices/list?per_page=3&page=2`)).toMatchObject([{ id: pending, status: "pending" }]);
  const statusesOf = async (status: string) =>
    (await get<{ id: string }[]>(`${V1}/${id}/devices?status=${status}`)).map((device) => device.id);
  expect([await statusesOf("finished"), await statusesOf("pending"), await statusesOf("active")]).toEqual([
    [first, second],
    [third, pending],
    [],
  ]);
  expect((await server.request("GET", `${V1}/${id}/devices?status=colour`)).status).toBe(400);

  expect(await get(`${V1}/${id}/devices/${second}`)).toMatchObject({
    ...{ is_target: true, reason: "DEVICE_TYPE" },
    device: { status: "noartifact" },
  });
  const { points } = await get<{ points: { changes: Record<string, number> }[] }>(`${V1}/${id}/series?step=86400`);
  const sum = (status: string) => points.reduce((n, { changes }) => n + (changes[status] ?? 0), 0);
  expect([sum("success"), sum("downloading"), sum("noartifact")]).toEqual([1, 0, 1]);
});

test("the log of a device is text, and cannot steer a terminal", async () => {
  const { id } = await create({ name: "logged", devices: [first] });
  await report(id, first, "failure");
  const path = `${V1}/${id}/devices/${first}/log`;
  expect((await server.request("GET", path)).status).toBe(404);
  const messages = [
    { timestamp: "2026-11-21T20:39:25Z", level: "info", message: "one" },
    { timestamp: "2026-11-21T20:39:26Z", level: "error", message: "red \u001b[31m\nand more" },
  ];
  await sqlOf(
    "INSERT INTO deployment_logs (tenant_id, deployment_id, device_id, messages) VALUES ($1, $2, $3, $4)",
    ...[id, first, gzipSync(JSON.stringify(messages))],
  );
  const answer = await server.request("GET", path);
  expect([answer.headers.get("content-type"), await answer.text()]).toEqual([
    "text/plain; charset=utf-8",
    "2026-11-21T20:39:25Z info: one\n2026-11-21T20:39:26Z error: red \\x1b[31m\nand more\n",
  ]);
});

test("an abort ends what runs, and cannot be repeated", async () => {
  const { id } = await create({ name: "aborted", devices: [first, second, third] });
  await report(id, first, "success");
  await report(id, second, "installing");
  const abort = async (path = id) =>
    (await server.request("PUT", `${V1}/${path}/status`, { status: "aborted" })).status;
  expect([await abort(), await abort(), await abort(randomUUID()), await abort("x")]).toEqual([204, 422, 404, 400]);
  expect(await get(`${V1}/${id}`)).toMatchObject({
    status: "finished",
    state: "aborted",
    finished: expect.any(String),
  });
  expect(await get(`${V1}/${id}/statistics`)).toMatchObject({ success: 1, aborted: 2, installing: 0, pending: 0 });
  expect(await get(`${V1}/${id}/devices?status=aborted`)).toMatchObject([
    { id: second, reason: "ABORTED" },
    { id: third },
  ]);
  expect(await get(`${V1}/${id}/devices/${third}`)).toMatchObject({ is_target: true, reason: "ABORTED" });
  expect((await server.request("PUT", `${V1}/${id}/status`, { status: "finished" })).status).toBe(400);
  const [audit] = await sqlOf("SELECT action, object FROM audit WHERE tenant_id = $1 ORDER BY seq DESC LIMIT 1");
  expect(audit).toMatchObject({ action: "abort", object: { type: "deployment", id, name: "aborted" } });
});

test("a deployment in which all devices have an end has finished, and cannot be aborted", async () => {
  const { id } = await create({ name: "finished", devices: [first, second] });
  const { postgres } = server.server.services;
  await report(id, first, "success");
  await finishDeployments(postgres, server.tenant.id);
  expect(await get(`${V1}/${id}`)).toMatchObject({ status: "inprogress" });
  await report(id, second, "already-installed", "ALREADY_INSTALLED");
  await finishDeployments(postgres, server.tenant.id);
  expect(await get(`${V1}/${id}`)).toMatchObject({ status: "finished", state: "finished" });
  expect((await server.request("PUT", `${V1}/${id}/status`, { status: "aborted" })).status).toBe(422);
  expect((await create({ name: "finished", devices: [first, second] })).status).toBe(201);
});

test("lists filter by the union of what both versions of the API know", async () => {
  const { id } = await create({ name: "findable % name", devices: [third] });
  const names = async (query: string, path = V1) =>
    (await get<{ name: string }[]>(`${path}?per_page=500&${query}`)).map(({ name }) => name);
  const now = Math.floor(Date.now() / 1000);
  for (const path of [V1, V2]) {
    expect(await names(`search=${encodeURIComponent("% NAME")}`, path)).toEqual(["findable % name"]);
    expect(await names(`id=${id}`, path)).toEqual(["findable % name"]);
    expect(await names(`name=aborted&name=logged&sort=asc`, path)).toEqual(["logged", "aborted"]);
    expect(await names(`status=aborted&name=aborted`, path)).toEqual(["aborted"]);
    expect(await names(`status=finished&status=pending&name=aborted`, path)).toEqual(["aborted"]);
    expect(await names(`status=scheduled&name=aborted`, path)).toEqual([]);
    expect(await names(`created_after=${now + 60}`, path)).toEqual([]);
    expect(await names(`created_before=${now - 3600}`, path)).toEqual([]);
    expect(await names("type=configuration", path)).toEqual([]);
  }
  const page = await server.request("GET", `${V1}?per_page=1&page=2`);
  expect(page.headers.get("link")).toContain('rel="next"');
  expect(Number(page.headers.get("x-total-count"))).toBeGreaterThan(5);
  for (const query of ["status=colour", "sort=up", "created_after=yesterday", "page=0", "id=1"])
    expect((await server.request("GET", `${V1}?${query}`)).status).toBe(400);
});

test("the history of a device is listed, and its end is cleared", async () => {
  const path = `${V1}/devices/${third}`;
  const { id } = await create({ name: "in history", devices: [third] });
  await report(id, third, "installing");
  expect(await get(`${path}?status=active`)).toMatchObject([
    { id, deployment: { name: "in history" }, device: { id: third, status: "installing" } },
  ]);
  expect((await server.request("DELETE", `${path}/history`)).status).toBe(204);
  expect((await get<unknown[]>(`${path}?status=active`)).length).toBe(1);
  expect((await server.request("DELETE", path)).status).toBe(204);
  expect(await get(`${path}?name=x&per_page=1`)).toMatchObject([{ device: { status: "aborted" } }]);
  expect((await server.request("DELETE", `${path}/history`)).status).toBe(204);
  expect(await get(path)).toEqual([]);
  const unknown = `${V1}/devices/${randomUUID()}`;
  for (const gone of [unknown, `${unknown}/history`]) expect((await server.request("DELETE", gone)).status).toBe(404);
});
