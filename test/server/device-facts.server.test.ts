import { randomUUID } from "node:crypto";
import pg from "pg";
import { afterAll, beforeAll, expect, inject, test } from "vitest";
import { enroll, query } from "../support/server/seed.ts";
import { TestDevice } from "../support/server/test-device.ts";
import { startTestServer, type TestServer } from "../support/server/test-server.ts";

const ATTRIBUTES = "v1/inventory/device/attributes";
const CONFIGURATION = "v1/deviceconfig/configuration";
const V0 = { artifact_name: "v0", device_type: "board-a" };

let server: TestServer;
let device: TestDevice;
let id: string;
beforeAll(async () => {
  server = await startTestServer();
  device = new TestDevice(server.url, "facts");
  id = await enroll(server, device);
});
afterAll(() => server.close());

const inventory = async (): Promise<unknown> =>
  (await query(server, "SELECT attributes, device_type, time_zone FROM inventory WHERE device_id = $1", id))[0];

test("PUT replaces the inventory and PATCH adds to it; the identity stays", async () => {
  const first = [
    { name: "device_type", value: "board-a" },
    { name: "mac", value: ["a", "b"] },
    { name: "cpus", value: 2, description: "of the board" },
    { name: "tz", value: "Europe/Berlin" },
  ];
  expect((await device.request("PUT", ATTRIBUTES, first)).status).toBe(200);
  expect(await inventory()).toEqual({
    attributes: {
      identity: { mac: "facts" },
      inventory: { device_type: "board-a", mac: ["a", "b"], cpus: 2, tz: "Europe/Berlin" },
    },
    ...{ device_type: "board-a", time_zone: "Europe/Berlin" },
  });
  expect((await device.request("PATCH", ATTRIBUTES, [{ name: "cpus", value: 4 }])).status).toBe(200);
  expect(await inventory()).toMatchObject({ attributes: { inventory: { cpus: 4, device_type: "board-a" } } });
  expect((await device.request("PUT", ATTRIBUTES, [{ name: "tz", value: "Nowhere/Else" }])).status).toBe(200);
  expect(await inventory()).toEqual({
    attributes: { identity: { mac: "facts" }, inventory: { tz: "Nowhere/Else" } },
    ...{ device_type: null, time_zone: "Europe/Berlin" },
  });
});

for (const [title, body, status] of [
  ["no list", { name: "a", value: "b" }, 400],
  ["a nested value", [{ name: "a", value: { b: "c" } }], 400],
  ["NUL", [{ name: "a", value: "\0" }], 400],
  ["a name of an artifact that no index can hold", [{ name: "artifact_name", value: "x".repeat(5000) }], 400],
  ["more than 1 MiB", [{ name: "a", value: "x".repeat(1024 * 1024) }], 413],
] as const)
  test(`an inventory with ${title} is refused`, async () => {
    expect((await device.request("PUT", ATTRIBUTES, body)).status).toBe(status);
  });

test("a device reads its configuration and reports what it has", async () => {
  expect(await device.request("GET", CONFIGURATION)).toMatchObject({ status: 200, body: {} });
  expect((await device.request("PUT", CONFIGURATION, { timezone: "UTC" })).status).toBe(204);
  await query(server, `UPDATE device_configurations SET configured = '{"timezone": "CET"}' WHERE device_id = $1`, id);
  expect((await device.request("GET", CONFIGURATION)).body).toEqual({ timezone: "CET" });
  const [row] = await query(server, "SELECT reported FROM device_configurations WHERE device_id = $1", id);
  expect(row).toEqual({ reported: { timezone: "UTC" } });
  expect((await device.request("GET", "v1/deviceconnect/connect")).status).toBe(404);
});

test("a poll leaves its time, its facts, the learnt interval, and the reason of its answer", async () => {
  const { checkIns } = server.server.services;
  const state = async () => {
    await checkIns.flush();
    const [row] = await query(
      server,
      `SELECT artifact_name, provides, answer, poll_interval_s, now() - check_in_at < interval '1 minute' AS "isFresh"
        FROM device_state WHERE device_id = $1`,
      id,
    );
    return row;
  };
  await device.next({ ...V0, more: "1" });
  const seen = { artifact_name: "v0", provides: { ...V0, more: "1" }, answer: "NOTHING_RUNNING", isFresh: true };
  expect(await state()).toEqual({ ...seen, poll_interval_s: null });
  const back = (seconds: number) =>
    query(
      server,
      "UPDATE device_state SET check_in_at = check_in_at - $2 * interval '1 second' WHERE device_id = $1",
      id,
      seconds,
    );
  await back(100);
  await device.next({ ...V0, more: "1" });
  const learnt = Number((await state())?.["poll_interval_s"]);
  expect(learnt).toBeGreaterThanOrEqual(100);
  expect(learnt).toBeLessThan(160);
  // A device that was off for a year says little about its interval.
  await back(365 * 24 * 3600);
  await device.next({ ...V0, more: "1" });
  expect(Number((await state())?.["poll_interval_s"])).toBeLessThan(4 * learnt);
});

test("a poll with nothing running asks the database for nothing", async () => {
  await device.next(V0);
  const { postgres } = server.server.services;
  const { prepared } = postgres;
  const asked: string[] = [];
  Object.assign(postgres, {
    prepared: (tenant: string, statement: { name: string; text: string }, values: unknown[]) => {
      asked.push(statement.name);
      return prepared(tenant, statement, values);
    },
  });
  for (let poll = 0; poll < 20; poll += 1) expect((await device.next(V0)).status).toBe(204);
  Object.assign(postgres, { prepared });
  // What runs each second runs beside it.
  expect(asked.filter((name) => !/check-ins|running/.test(name))).toEqual([]);
});

test("while the database is away, every request of a device gets 503 and a time, and never 401", async () => {
  const name = /\/([^/?]+)\?/.exec(server.databaseUrl)?.[1] ?? "";
  const admin = new pg.Client(`postgresql://switchback@/postgres?host=${inject("postgresFolder")}`);
  await admin.connect();
  await admin.query(`ALTER DATABASE ${name} ALLOW_CONNECTIONS false`);
  await admin.query("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = $1", [name]);
  const all = () =>
    Promise.all([
      device.next(V0),
      device.authenticate(),
      device.report(randomUUID(), "success"),
      device.request("PUT", ATTRIBUTES, []),
    ]);
  await expect.poll(async () => (await all()).map(({ status }) => status)).toEqual([503, 503, 503, 503]);
  for (const { headers, body } of await all()) {
    expect(Number(headers.get("retry-after"))).toBeGreaterThan(0);
    expect(body.code).toBe("DATABASE_AWAY");
  }
  await admin.query(`ALTER DATABASE ${name} ALLOW_CONNECTIONS true`);
  await admin.end();
  await expect.poll(async () => (await device.next(V0)).status).toBe(204);
});
