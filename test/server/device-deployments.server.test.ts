import { randomUUID } from "node:crypto";
import { gunzipSync } from "node:zlib";
import { afterAll, beforeAll, expect, test } from "vitest";
import { abortDeployment } from "../../server/adapters/postgres/end-deployments.ts";
import { leaveDeployments } from "../../server/adapters/postgres/leave-deployments.ts";
import { WholeDeployment } from "../../server/adapters/postgres/sight.ts";
import { addArtifact, addDeployment, enroll, query, type SeededDeployment, stateOf } from "../support/server/seed.ts";
import { TestDevice } from "../support/server/test-device.ts";
import { startTestServer, type TestServer } from "../support/server/test-server.ts";

let server: TestServer;
beforeAll(async () => {
  server = await startTestServer();
});
afterAll(() => server.close());

const V0 = { artifact_name: "v0", device_type: "board-a" };

/** An accepted device with a deployment of its own. */
async function deployed(more: Partial<SeededDeployment> = {}) {
  const device = new TestDevice(server.url, randomUUID());
  const id = await enroll(server, device);
  const release = more.release ?? `release-${randomUUID()}`;
  const artifact = await addArtifact(server, release);
  const deployment = await addDeployment(server, { release, devices: [id], ...more });
  return { device, id, release, artifact, deployment };
}

const nextOf = async (device: TestDevice, provides: Record<string, string> = V0): Promise<unknown[]> => {
  const { status, body } = await device.next(provides);
  return status === 200 ? [status, body.id] : [status];
};

const answerOf = async (id: string): Promise<unknown> => {
  await server.server.services.checkIns.flush();
  const [row] = await query(server, "SELECT answer, answer_deployment FROM device_state WHERE device_id = $1", id);
  return row;
};

test("a device gets its deployment by each of the three requests, reports, and the deployment finishes", async () => {
  const { device, id, release, artifact, deployment } = await deployed();
  const v2 = await device.next(V0);
  expect([v2.status, v2.body]).toEqual([
    200,
    {
      id: deployment,
      artifact: {
        id: artifact,
        artifact_name: release,
        source: {
          uri: expect.stringContaining(`${server.url}/api/devices/v1/download/${artifact}?x-men-expire=`),
          expire: expect.any(String),
        },
        device_types_compatible: ["board-a"],
      },
    },
  ]);
  const v1 = "v1/deployments/device/deployments";
  const byPost = await device.request("POST", `${v1}/next`, V0);
  const byGet = await device.request("GET", `${v1}/next?artifact_name=v0&device_type=board-a`);
  expect([byPost.body.id, byGet.body.id]).toEqual([deployment, deployment]);
  expect(await stateOf(server, deployment)).toEqual({ state: "inprogress", pending: 1 });
  for (const status of ["downloading", "downloading", "installing", "installing", "rebooting", "installing"])
    expect((await device.report(deployment, status)).status).toBe(204);
  expect(await stateOf(server, deployment)).toEqual({ state: "inprogress", installing: 1 });
  for (const status of ["success", "success", "failure", "installing"])
    expect((await device.report(deployment, status)).status).toBe(204);
  expect(await stateOf(server, deployment)).toEqual({ state: "finished", success: 1 });
  expect(await nextOf(device, { ...V0, artifact_name: release })).toEqual([204]);
  expect(await answerOf(id)).toEqual({ answer: "NOTHING_RUNNING", answer_deployment: null });
  expect((await device.report(randomUUID(), "success")).status).toBe(404);
});

test("a failure with its log; the log keeps its end if it is too long", async () => {
  const { device, id, deployment } = await deployed();
  await device.next(V0);
  expect((await device.report(deployment, "failure", "module: exit 1")).status).toBe(204);
  expect(await stateOf(server, deployment)).toEqual({ state: "finished", failure: 1 });
  const path = `v1/deployments/device/deployments/${deployment}/log`;
  const line = (n: number) => ({
    timestamp: "2026-11-21T20:39:25Z",
    level: "error",
    message: `${n} ${"x".repeat(1000)}`,
  });
  const messages = Array.from({ length: 3000 }, (_, n) => line(n));
  expect((await device.request("PUT", path, { messages })).status).toBe(204);
  const [kept] = await query<{ messages: Buffer; truncated: boolean }>(
    server,
    "SELECT messages, truncated FROM deployment_logs WHERE device_id = $1",
    id,
  );
  const read = JSON.parse(gunzipSync(kept?.messages ?? Buffer.alloc(0)).toString());
  expect([kept?.truncated, read.at(-1), read.length < 1100]).toEqual([true, line(2999), true]);
  const [row] = await query(server, "SELECT has_log, substate FROM device_deployments WHERE device_id = $1", id);
  expect(row).toEqual({ has_log: true, substate: "module: exit 1" });
  expect((await device.request("PUT", path, { messages: "x".repeat(9 * 1024 * 1024) })).status).toBe(413);
});

test("a device that fails tries again as often as the deployment says", async () => {
  const { device, deployment } = await deployed({ retries: 1 });
  expect(await nextOf(device)).toEqual([200, deployment]);
  await device.report(deployment, "installing");
  // The second report is the first one again, because its answer was lost.
  for (const _ of [1, 2]) expect((await device.report(deployment, "failure")).status).toBe(204);
  expect(await stateOf(server, deployment)).toEqual({ state: "inprogress", pending: 1 });
  expect(await nextOf(device, { ...V0, artifact_name: "v0_INCONSISTENT" })).toEqual([200, deployment]);
  await device.report(deployment, "failure");
  expect(await stateOf(server, deployment)).toEqual({ state: "finished", failure: 1 });
});

test("an abort reaches the device at its next report, and stays", async () => {
  const { device, deployment } = await deployed({ count: 3 });
  await device.next(V0);
  await device.report(deployment, "downloading");
  const abort = () =>
    server.server.services.postgres.inTenant(server.tenant.id, (session) =>
      abortDeployment(session, server.tenant.id, WholeDeployment.byPlan(deployment)),
    );
  expect(await abort()).toBe(true);
  expect(await abort()).toBe(false);
  const told = await device.report(deployment, "installing");
  expect([told.status, told.body.code]).toEqual([409, "DEPLOYMENT_ABORTED"]);
  expect((await device.report(deployment, "failure")).status).toBe(409);
  const log = { messages: [{ timestamp: "", level: "", message: "rolled back" }] };
  expect((await device.request("PUT", `v1/deployments/device/deployments/${deployment}/log`, log)).status).toBe(204);
  expect(await stateOf(server, deployment)).toEqual({ state: "aborted", aborted: 3 });
  expect(await nextOf(device)).toEqual([204]);
});

test("a device that says something else of itself in the middle of a deployment gets 409, and the deployment ends for it", async () => {
  const first = await deployed();
  await first.device.next(V0);
  expect(await nextOf(first.device, { ...V0, artifact_name: "other" })).toEqual([409]);
  expect(await stateOf(server, first.deployment)).toEqual({ state: "finished", failure: 1 });
  const second = await deployed();
  await second.device.next(V0);
  expect(await nextOf(second.device, { ...V0, artifact_name: second.release })).toEqual([409]);
  expect(await stateOf(server, second.deployment)).toEqual({ state: "finished", success: 1 });
});

test("a device with nothing to install is ended, and gets the next deployment at once", async () => {
  const { device, id, deployment } = await deployed({ release: "v-same" });
  const wrong = await addArtifact(server, "v-wrong", { types: ["board-b"] });
  const unfit = await addDeployment(server, { release: "v-wrong", devices: [id] });
  const last = await addDeployment(server, { release: "v-same", devices: [id], force: true });
  const V = { ...V0, artifact_name: "v-same" };
  expect(await nextOf(device, V)).toEqual([200, last]);
  expect(await stateOf(server, deployment)).toEqual({ state: "finished", "already-installed": 1 });
  expect(await stateOf(server, unfit)).toEqual({ state: "finished", noartifact: 1 });
  const rows = await query(
    server,
    "SELECT status, reason FROM device_deployments WHERE device_id = $1 ORDER BY status",
    id,
  );
  expect(rows).toEqual([
    { status: "already-installed", reason: "ALREADY_INSTALLED" },
    { status: "noartifact", reason: "DEVICE_TYPE" },
    { status: "pending", reason: null },
  ]);
  expect(wrong).toMatch(/-/);
});

test("devices that poll at once are counted exactly in each deployment that has nothing for them", async () => {
  const devices = Array.from({ length: 12 }, () => new TestDevice(server.url, randomUUID()));
  const ids = [];
  for (const device of devices) ids.push(await enroll(server, device));
  await addArtifact(server, "v-unfit", { types: ["board-b"] });
  const deployments: string[] = [];
  for (let n = 0; n < 4; n += 1) deployments.push(await addDeployment(server, { release: "v-unfit", devices: ids }));
  const { postgres } = server.server.services;
  const aborted = deployments[3] ?? "";
  // Twice each: the second poll may overtake the first.
  const polls = devices.flatMap((device) => [nextOf(device), nextOf(device)]);
  await postgres.inTenant(server.tenant.id, (session) =>
    abortDeployment(session, server.tenant.id, WholeDeployment.byPlan(aborted)),
  );
  expect(await Promise.all(polls)).toEqual(polls.map(() => [204]));
  for (const id of deployments.slice(0, 3))
    expect(await stateOf(server, id)).toEqual({ state: "finished", noartifact: 12 });
  const { state, ...counts } = await stateOf(server, aborted);
  expect(["aborted", "finished"]).toContain(state);
  expect(Object.values(counts).reduce((sum: number, n) => sum + Number(n), 0)).toBe(12);
  const changes = await query(
    server,
    "SELECT sum(change)::int AS n FROM deployment_series WHERE deployment_id = ANY ($1::uuid[])",
    deployments,
  );
  expect(changes).toEqual([{ n: 48 }]);
});

test("a deployment to all or a group reaches the devices of that time, and a device that leaves gets an end", async () => {
  const [early, inGroup] = [new TestDevice(server.url, "early"), new TestDevice(server.url, "in-group")];
  const earlyId = await enroll(server, early);
  const inGroupId = await enroll(server, inGroup);
  await query(
    server,
    "UPDATE inventory SET group_name = 'g', group_since = clock_timestamp() WHERE device_id = $1",
    inGroupId,
  );
  await addArtifact(server, "v-group");
  await addArtifact(server, "v-all");
  const toGroup = await addDeployment(server, { release: "v-group", target: { kind: "group", group: "g" } });
  const toAll = await addDeployment(server, { release: "v-all", target: { kind: "all" }, count: 2 });
  const late = new TestDevice(server.url, "late");
  const lateId = await enroll(server, late);
  expect(await nextOf(late)).toEqual([204]);
  expect(await answerOf(lateId)).toEqual({ answer: "NOT_IN_TARGET", answer_deployment: null });
  expect(await nextOf(early)).toEqual([200, toAll]);
  expect(await nextOf(inGroup)).toEqual([200, toGroup]);
  await server.server.services.postgres.inTenant(server.tenant.id, async (session) => {
    await leaveDeployments(session, server.tenant.id, {
      device: inGroupId,
      status: "aborted",
      reason: "LEFT_TARGET",
      group: "g",
    });
    await leaveDeployments(session, server.tenant.id, {
      device: earlyId,
      status: "decommissioned",
      reason: "DECOMMISSIONED",
    });
  });
  expect((await inGroup.report(toGroup, "installing")).status).toBe(409);
  await expect
    .poll(() => stateOf(server, toGroup), { message: "by the look of each second" })
    .toEqual({ state: "finished", aborted: 1 });
  expect(await stateOf(server, toAll)).toEqual({ state: "inprogress", decommissioned: 1 });
  // It is newer than what the device has finished.
  expect(await nextOf(inGroup)).toEqual([200, toAll]);
});

test("only a client that asks for a control map gets it", async () => {
  const map = { priority: 1, states: { ArtifactInstall_Enter: { action: "pause" } } };
  const { device, deployment } = await deployed({ map });
  expect((await device.next(V0)).body.update_control_map).toBeUndefined();
  const asked = await device.next(V0, { update_control_map: true });
  expect(asked.body.update_control_map).toEqual({ ...map, id: deployment });
  const path = (id: string) => `v2/deployments/device/deployments/${id}/update_control_map`;
  expect((await device.request("GET", path(deployment))).body).toEqual({
    update_control_map: { ...map, id: deployment },
  });
  const { device: other, deployment: without } = await deployed();
  expect((await other.request("GET", path(without))).status).toBe(404);
  expect((await other.request("GET", path(deployment))).status, "of another device").toBe(404);
});

for (const [title, provides] of [
  ["no name", { device_type: "board-a" }],
  ["an empty type", { artifact_name: "v0", device_type: "" }],
  ["NUL in a value", { ...V0, more: "\0" }],
] as const)
  test(`${title} is refused with 400`, async () => {
    const device = new TestDevice(server.url, randomUUID());
    await enroll(server, device);
    const answer = await device.next(provides as never);
    expect([answer.status, answer.body.code]).toEqual([400, "REQUEST_INVALID"]);
  });
