import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, expect, test } from "vitest";
import { addPerson, addRole } from "../support/server/people.ts";
import { addArtifact, enroll, stateOf } from "../support/server/seed.ts";
import { TestDevice } from "../support/server/test-device.ts";
import { startTestServer, type TestServer } from "../support/server/test-server.ts";

const FILTERS = "/api/management/v2/inventory/filters";
const CHANNELS = "/api/management/v1/deployments/channels";
const CONTINUOUS = "/api/management/v1/deployments/continuous";
const DEPLOYMENTS = "/api/management/v1/deployments/deployments";

let server: TestServer;
beforeAll(async () => {
  server = await startTestServer();
});
afterAll(() => server.close());

/** A channel, a dynamic group and two releases for one test. */
async function scene(policy: object = {}) {
  const name = randomUUID();
  await server.request("PUT", `${CHANNELS}/${name}`, policy);
  const terms = [{ scope: "inventory", attribute: "site", type: "$eq", value: name }];
  const made = await server.request("POST", FILTERS, { name, terms });
  const [v1, v2] = [`v1-${name}`, `v2-${name}`];
  for (const release of [v1, v2]) await addArtifact(server, release);
  return { name, filter: made.headers.get("location")?.split("/").at(-1) ?? "", v1, v2 };
}

async function board(site: string): Promise<TestDevice> {
  const device = new TestDevice(server.url, randomUUID());
  await enroll(server, device);
  await device.request("PUT", "v1/inventory/device/attributes", [{ name: "site", value: site }]);
  return device;
}

const promote = async (channel: string, release: string): Promise<void> => {
  const answer = await server.request("POST", `${CHANNELS}/${channel}/promotions`, { release });
  expect(answer.status, await answer.clone().text()).toBe(201);
};
const follow = (channel: string, filter: string, more: object = {}, by: Pick<TestServer, "request"> = server) =>
  by.request("POST", CONTINUOUS, { name: channel, channel, filter_id: filter, ...more });
const deploymentOf = async (name: string): Promise<string> => {
  const list = (await (await server.request("GET", CONTINUOUS)).json()) as { name: string; deployment?: string }[];
  return list.find((one) => one.name === name)?.deployment ?? "none";
};
const nextOf = async (device: TestDevice, artifact: string): Promise<unknown> => {
  const { status, body } = await device.next({ artifact_name: artifact, device_type: "board-a" });
  return status === 200 ? body.artifact.artifact_name : status;
};
const codeOf = async (answer: Response): Promise<readonly unknown[]> => [
  answer.status,
  ((await answer.json()) as { code?: string }).code,
];

test("devices get what a channel has, also those that match later, and the next release after its promotion", async () => {
  const { name, filter, v1, v2 } = await scene();
  const [first, other] = [await board(name), await board("elsewhere")];
  expect((await follow(name, filter)).status).toBe(201);
  expect([await deploymentOf(name), await nextOf(first, "v0")]).toEqual(["none", 204]);
  await promote(name, v1);
  const old = await deploymentOf(name);
  expect([await nextOf(first, "v0"), await nextOf(other, "v0")]).toEqual([v1, 204]);
  await first.report(old, "success");
  const late = await board(name);
  expect([await nextOf(late, "v0"), await nextOf(first, v1)]).toEqual([v1, 204]);
  await promote(name, v1);
  expect(await deploymentOf(name), "the same release again changes nothing").toBe(old);
  await promote(name, v2);
  const present = await deploymentOf(name);
  expect(await stateOf(server, old)).toEqual({ state: "aborted", success: 1, aborted: 1 });
  expect([await nextOf(first, v1), await nextOf(late, "v0")]).toEqual([v2, v2]);
  expect(await (await server.request("GET", `${DEPLOYMENTS}/${present}`)).json()).toMatchObject({
    ...{ name: `${name}: ${v2}`, dynamic: true, filter: { id: filter } },
  });
});

test("a channel that has a release gives it at once, by the plan", async () => {
  const { name, filter, v1 } = await scene();
  await promote(name, v1);
  const boards = [await board(name), await board(name)];
  const rollout = { waves: [{ count: 1, gate: { success_pct: 100 } }, { rest: true }] };
  expect((await follow(name, filter, { rollout })).status).toBe(201);
  const asked = await Promise.all(boards.map((one) => nextOf(one, "v0")));
  expect(asked.filter((release) => release === v1)).toHaveLength(1);
});

test("without a device that matches, a plan waits for none", async () => {
  const { name, filter, v1 } = await scene();
  await follow(name, filter, { rollout: { waves: [{ percent: 10 }, { rest: true }] } });
  await promote(name, v1);
  expect(await nextOf(await board(name), "v0")).toBe(v1);
});

test("it ends with its deployment, and what it needs cannot go before", async () => {
  const { name, filter, v1 } = await scene();
  await promote(name, v1);
  const made = await follow(name, filter);
  const deployment = await deploymentOf(name);
  expect(await codeOf(await server.request("DELETE", `${FILTERS}/${filter}`))).toEqual([409, "CONFLICT"]);
  expect(await codeOf(await server.request("DELETE", `${CHANNELS}/${name}`))).toEqual([409, "CONFLICT"]);
  expect((await server.request("DELETE", made.headers.get("location") ?? "")).status).toBe(204);
  expect((await stateOf(server, deployment))["state"]).toBe("aborted");
  expect((await server.request("DELETE", `${FILTERS}/${filter}`)).status).toBe(204);
});

test("what cannot be is refused", async () => {
  const { name, filter } = await scene();
  const start = { waves: [{ rest: true, start_at: "2030-01-01T00:00:00Z" }] };
  expect(await codeOf(await follow(name, filter, { rollout: start }))).toEqual([400, "REQUEST_INVALID"]);
  expect(await codeOf(await follow("missing", filter))).toEqual([422, "NOT_POSSIBLE"]);
  expect(await codeOf(await follow(name, randomUUID()))).toEqual([404, "NOT_FOUND"]);
  expect((await follow(name, filter)).status).toBe(201);
  expect(await codeOf(await follow(name, filter))).toEqual([409, "CONFLICT"]);
  expect(await codeOf(await server.request("DELETE", `${CONTINUOUS}/${randomUUID()}`))).toEqual([404, "NOT_FOUND"]);
  const scope = { type: "DeviceGroups", value: ["lab"] } as const;
  await addRole(server, name, [{ name: "DeployToDevices", scope }, { name: "ReadReleases" }]);
  const person = await addPerson(server, [name]);
  expect(await codeOf(await follow(name, filter, { name: "limited" }, person))).toEqual([403, "FORBIDDEN"]);
});
