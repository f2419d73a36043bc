import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import { writeEvent } from "../../server/adapters/postgres/events.ts";
import { addTenant } from "../../server/adapters/postgres/people.ts";
import { createEventHub } from "../../server/api/management/events/event-hub.ts";
import type { Grants } from "../../server/domain/permissions/grants.ts";
import type { Permission } from "../../server/domain/permissions/permissions.ts";
import { type EventStream, openStream } from "../support/server/event-stream.ts";
import { query } from "../support/server/seed.ts";
import { logIn, startTestServer, type TestServer } from "../support/server/test-server.ts";

const EVENTS = "/api/management/v1/events";
let server: TestServer;
const open: EventStream[] = [];
beforeAll(async () => {
  server = await startTestServer();
});
afterEach(() => {
  for (const stream of open.splice(0)) stream.close();
});
afterAll(() => server.close());

async function listen(path = "", headers: Record<string, string> = {}, token = server.token): Promise<EventStream> {
  const stream = await openStream(`${server.url}${EVENTS}${path}`, token, headers);
  open.push(stream);
  return stream;
}

/** Writes events with these numbers in their data. */
async function tell(numbers: readonly number[], more: object = {}, tenant = server.tenant.id): Promise<void> {
  await server.server.services.postgres.inTenant(tenant, async (session) => {
    for (const n of numbers) await writeEvent(session, tenant, { type: "rollout-decided", data: { n, ...more } });
  });
}

const range = (from: number, to: number): number[] => Array.from({ length: to - from }, (_, at) => from + at);
const numbers = (stream: EventStream): unknown[] =>
  stream.frames
    .filter(({ event }) => event === "rollout-decided")
    .map(({ data }) => (data["data"] as { n: number })["n"]);

test("events come as they happen, and a listener that comes back gets what it has missed", async () => {
  const first = await listen();
  expect([first.status, first.headers["content-type"]]).toEqual([200, "text/event-stream; charset=utf-8"]);
  expect(first.text()).toMatch(/^: open\nretry: \d{4}\n\n/);
  await tell([1, 2]);
  await expect.poll(() => numbers(first)).toEqual([1, 2]);
  const [frame] = first.frames;
  expect(frame).toMatchObject({ event: "rollout-decided", data: { type: "rollout-decided", data: { n: 1 } } });
  first.close();
  await tell([3, 4, 5]);
  const again = await listen("", { "last-event-id": String(first.frames.at(-1)?.id) });
  await expect.poll(() => numbers(again)).toEqual([3, 4, 5]);
  await tell([6]);
  await expect.poll(() => numbers(again)).toEqual([3, 4, 5, 6]);
  const ids = again.frames.map(({ id }) => id ?? 0);
  expect(ids).toEqual(ids.toSorted((a, b) => a - b));
});

test("topics choose events, and an unknown one is refused", async () => {
  const audit = await listen("?topics=audit,deployment-created");
  await tell([1]);
  await server.request("POST", "/api/management/v1/useradm/users", {
    ...{ email: "one@example.com", password: "a long enough one" },
  });
  await expect.poll(() => audit.frames.map(({ event }) => event)).toEqual(["audit-recorded"]);
  expect((await server.request("GET", `${EVENTS}?topics=weather`)).status).toBe(400);
  expect((await server.request("GET", EVENTS, undefined, { "last-event-id": "x" })).status).toBe(400);
  expect((await fetch(`${server.url}${EVENTS}`)).status).toBe(401);
});

test("a listener hears of its own tenant only", async () => {
  const stream = await listen();
  const other = await server.server.services.postgres.shared((session) => addTenant(session, "other"));
  await tell([1], {}, other.id);
  await expect.poll(() => query(server, "SELECT FROM outbox")).toEqual([]);
  await tell([2]);
  await expect.poll(() => numbers(stream)).toEqual([2]);
});

test("a stream ends with the session of its person, at once", async () => {
  const token = await logIn(server.url, "admin@example.com", "correct horse battery");
  const stream = await listen("", {}, token);
  const kept = await listen();
  const start = performance.now();
  await fetch(`${server.url}/api/management/v1/useradm/auth/logout`, {
    ...{ method: "POST", headers: { authorization: `Bearer ${token}` } },
  });
  await stream.ended;
  expect(performance.now() - start).toBeLessThan(10_000);
  await tell([1]);
  await expect.poll(() => numbers(kept)).toEqual([1]);
});

test("a listener that reads slowly holds up no other one, and misses nothing", async () => {
  const slow = await listen();
  const quick = await listen();
  slow.pause();
  const before = server.server.services.events.figures.lagged;
  const all = range(0, 3000);
  for (let at = 0; at < all.length; at += 500) await tell(all.slice(at, at + 500), { text: "x".repeat(4000) });
  await expect.poll(() => numbers(quick).length, { timeout: 60_000 }).toBe(all.length);
  expect(server.server.services.events.figures.lagged).toBeGreaterThan(before);
  expect(numbers(slow).length).toBeLessThan(all.length);
  slow.resume();
  await expect.poll(() => numbers(slow).length, { timeout: 60_000 }).toBe(all.length);
  expect(numbers(slow)).toEqual(all);
  expect(numbers(quick)).toEqual(all);
  await tell([9999]);
  await expect.poll(() => numbers(slow).at(-1)).toBe(9999);
});

test("a listener that has missed too much, or comes from elsewhere, is told to read anew", async () => {
  await tell([1]);
  await expect.poll(() => query(server, "SELECT FROM outbox")).toEqual([]);
  const [row] = await query<{ id: number }>(server, "SELECT max(id) AS id FROM events");
  const newest = row?.id ?? 0;
  const stream = await listen("", { "last-event-id": String(newest + 1000) });
  await tell([2]);
  await expect.poll(() => numbers(stream)).toEqual([2]);
  expect(stream.frames[0]).toEqual({ id: newest, event: "resync", data: {} });
  await query(
    server,
    `INSERT INTO events (tenant_id, key, type, data, created_at)
      SELECT $1, gen_random_uuid(), 'rollout-decided', '{"n":0}', now() FROM generate_series(1, 10001)`,
    server.tenant.id,
  );
  const far = await listen("", { "last-event-id": String(newest) });
  await expect.poll(() => far.frames.map(({ event }) => event)).toEqual(["resync"]);
});

test("what a person may not read does not come, and what they lose ends; a heartbeat tells how far they are", async () => {
  const { postgres, notices } = server.server.services;
  const tenant = server.tenant.id;
  const who = { kind: "user", user: "u", email: "e", session: "s", tokenName: undefined, tenant } as const;
  const person = { ...who, issuedAt: new Date(), mustSetUp: false, pageSecret: undefined };
  // The last one is for one group only, and an event does not say which group it is about.
  let grants: Grants | undefined = new Map<Permission, "all" | ReadonlySet<string>>([
    ["Basic", "all"],
    ["ReadDeployments", "all"],
    ["ReadDevices", new Set(["a-group"])],
  ]);
  const callers = { person: async () => grants && { ...person, grants } };
  const hub = createEventHub(postgres, notices, callers, 300);
  const http = createServer((_request, response) => {
    const credential = { from: "header", token: "t" } as const;
    const wanted = { person: { ...person, grants: grants ?? new Map() }, credential };
    void hub.open({ ...wanted, topics: undefined, lastSeen: undefined }, response, {});
  });
  await new Promise<void>((resolve) => http.listen(0, "127.0.0.1", resolve));
  const stream = await openStream(`http://127.0.0.1:${(http.address() as AddressInfo).port}/`, "t");
  await postgres.inTenant(tenant, async (session) => {
    await writeEvent(session, tenant, { type: "audit-recorded", data: { n: 1 } });
    await writeEvent(session, tenant, { type: "rollout-decided", data: { n: 2 } });
    await writeEvent(session, tenant, { type: "device-status-changed", data: { n: 3 } });
  });
  await expect.poll(() => stream.frames.map(({ event }) => event)).toEqual(["rollout-decided"]);
  const [row] = await query<{ id: number }>(server, "SELECT max(id) AS id FROM events");
  await expect.poll(() => stream.text()).toContain(`: heartbeat\nid: ${row?.id}\n\n`);
  grants = new Map([["Basic", "all"]]);
  await new Promise((resolve) => setTimeout(resolve, 1000));
  await tell([4]);
  await expect.poll(() => query(server, "SELECT FROM outbox")).toEqual([]);
  grants = undefined;
  await stream.ended;
  expect(numbers(stream)).toEqual([2]);
  expect(hub.figures.listeners).toBe(0);
  await new Promise((resolve) => http.close(resolve));
});

test("a server that ends lets its listeners go, and says when to come back", async () => {
  const ending = await startTestServer();
  const stream = await openStream(`${ending.url}${EVENTS}`, ending.token);
  await ending.close();
  await stream.ended;
  expect(stream.text()).toMatch(/: end\nretry: \d{4}\n\n$/);
});
