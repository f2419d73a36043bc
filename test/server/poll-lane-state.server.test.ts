import { connect } from "node:net";
import { afterAll, afterEach, beforeAll, beforeEach, expect, test, vi } from "vitest";
import { setAuthSetStatus } from "../../server/adapters/postgres/device-status.ts";
import { logsPolls } from "../../server/logging/request-log.ts";
import { addArtifact, addDeployment, query } from "../support/server/seed.ts";
import { makeDevice } from "../support/server/test-devices.ts";
import { startTestServer, type TestServer } from "../support/server/test-server.ts";

const NEXT = "/api/devices/v2/deployments/device/deployments/next";
const FACTS = { artifact_name: "release-0", device_type: "board-a" };

let server: TestServer;
let device: string;
let set: string;
let token: string;
let taken = 0;

beforeAll(async () => {
  server = await startTestServer({ isMeasured: true });
  server.server.lane.onAnswer(() => {
    taken += 1;
  });
});
afterAll(() => server.close());

beforeEach(async () => {
  ({ device, set } = await makeDevice(server));
  const { tokens } = server.server.services;
  token = await tokens.sign({ jti: set, sub: device, tenant: server.tenant.id, kind: "device" }, 3600);
  // By the first poll, Fastify makes the device and its words known.
  expect(await poll()).toEqual([204, 0]);
});
afterEach(() => {
  vi.useRealTimers();
  vi.restoreAllMocks();
});

/** The status of a poll, and how many answers the lane gave. */
async function poll(facts: Record<string, string> = FACTS): Promise<[status: number, lane: number]> {
  taken = 0;
  const { status } = await fetch(`${server.url}${NEXT}`, {
    method: "POST",
    headers: { authorization: `Bearer ${token}`, "content-type": "application/json" },
    body: JSON.stringify({ device_provides: facts }),
  });
  return [status, taken];
}

async function pollAndAnswer(): Promise<unknown> {
  await poll();
  return lastAnswer();
}

async function lastAnswer(): Promise<unknown> {
  await server.server.services.checkIns.flush();
  const rows = await query(
    server,
    "SELECT answer, artifact_name, check_in_at IS NOT NULL AS seen FROM device_state WHERE device_id = $1",
    device,
  );
  return rows[0];
}

async function sample(name: string): Promise<number> {
  const text = await (await fetch(`${server.localUrl}/metrics`)).text();
  const line = text.split("\n").find((one) => one.startsWith(`switchback_${name} `));
  return Number(line?.split(" ").at(-1) ?? 0);
}

test("polls of the lane are noted and counted like those of Fastify", async () => {
  const names = [
    'polls_total{answer="nothing"}',
    `request_seconds_count{method="POST",route="${NEXT}",status="204"}`,
  ] as const;
  const before = await Promise.all(names.map(sample));
  expect(await poll()).toEqual([204, 1]);
  expect(await Promise.all(names.map(sample))).toEqual(before.map((n) => n + 1));
  await lastAnswer();
  await query(server, "UPDATE device_state SET answer = NULL, check_in_at = NULL WHERE device_id = $1", device);
  expect(await poll()).toEqual([204, 1]);
  expect(await lastAnswer()).toEqual({ answer: "NOTHING_RUNNING", artifact_name: "release-0", seen: true });
});

test("a token that expires is refused at once", async () => {
  expect(await poll()).toEqual([204, 1]);
  vi.useFakeTimers({ toFake: ["Date"], now: Date.now() + 3601_000 });
  expect(await poll()).toEqual([401, 0]);
});

test("a device that is rejected is refused at once", async () => {
  const { postgres } = server.server.services;
  expect(await poll()).toEqual([204, 1]);
  await postgres.inTenant(server.tenant.id, (session) =>
    setAuthSetStatus(session, server.tenant.id, device, set, "rejected"),
  );
  await expect.poll(poll).toEqual([401, 0]);
});

test("without notices from the database, the lane answers nothing", async () => {
  vi.spyOn(server.server.services.notices, "arrive").mockReturnValue(false);
  expect(await poll()).toEqual([204, 0]);
  vi.restoreAllMocks();
  expect(await poll()).toEqual([204, 1]);
});

test("a running deployment reaches its device, and the lane answers those that it is not for", async () => {
  await addArtifact(server, "release-9", { types: ["board-b"] });
  const other = await makeDevice(server);
  const listed = await addDeployment(server, { release: "release-9", devices: [other.device] });
  await expect.poll(pollAndAnswer).toMatchObject({ answer: "NOT_IN_TARGET" });
  // A notice that comes late makes the lane wait for Fastify once more.
  await expect.poll(poll).toEqual([204, 1]);
  const all = await addDeployment(server, { release: "release-9", devices: [device] });
  await expect.poll(pollAndAnswer).toMatchObject({ answer: "DEVICE_TYPE" });
  // The end of that deployment, which had no other device, is such a notice.
  await expect.poll(poll).toEqual([204, 1]);
  // What it says of itself now has not been checked yet.
  expect((await poll({ ...FACTS, more: "yes" }))[1]).toBe(0);
  expect(await poll({ ...FACTS, more: "yes" })).toEqual([204, 1]);
  await query(server, "DELETE FROM deployments WHERE id = ANY ($1::uuid[])", [listed, all]);
  await addArtifact(server, "release-10", { types: ["board-a"] });
  await addDeployment(server, { release: "release-10", devices: [device] });
  await expect.poll(poll).toEqual([200, 0]);
});

test("a server that drains says so in its answers, also to polls", async () => {
  const draining = await startTestServer();
  const made = await makeDevice(draining);
  const claims = { jti: made.set, sub: made.device, tenant: draining.tenant.id, kind: "device" } as const;
  const bearer = await draining.server.services.tokens.sign(claims, 600);
  const body = JSON.stringify({ device_provides: FACTS });
  const head =
    `POST ${NEXT} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer ${bearer}\r\ncontent-type: application/json\r\n` +
    `content-length: ${body.length}\r\n`;
  const socket = connect(Number(new URL(draining.url).port), "127.0.0.1");
  let text = "";
  socket.on("data", (chunk) => {
    text += String(chunk);
  });
  const closed = new Promise((resolve) => socket.once("close", resolve));
  socket.write(`${head}\r\n${body}`);
  await expect.poll(() => text).toMatch(/^HTTP\/1\.1 204/);
  // Half a request keeps the connection open.
  socket.write(head);
  await new Promise((resolve) => setTimeout(resolve, 50));
  text = "";
  const ended = draining.close();
  socket.write(`\r\n${body}`);
  await closed;
  expect(text).toMatch(/^HTTP\/1\.1 204[\s\S]*\r\nconnection: close\r\n/i);
  await ended;
});

test("a log of all polls keeps them from the lane", () => {
  const levels = ["trace", "debug", "info", "warn", "error", "fatal"];
  expect(levels.filter((level) => logsPolls({ level }))).toEqual(["trace", "debug"]);
});
