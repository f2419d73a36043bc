import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { addPerson, addRole } from "../support/server/people.ts";
import { addArtifact, enroll, query, stateOf } from "../support/server/seed.ts";
import { TestDevice } from "../support/server/test-device.ts";
import { startTestServer, type TestServer } from "../support/server/test-server.ts";

const FILTERS = "/api/management/v2/inventory/filters";
const V1 = "/api/management/v1/deployments/deployments";
const V2 = "/api/management/v2/deployments/deployments";
const V0 = { artifact_name: "v0", device_type: "board-a" };

let server: TestServer;
beforeAll(async () => {
  server = await startTestServer();
});
afterAll(() => server.close());

/** A site of its own for each test, with a dynamic group and a release. */
async function site() {
  const value = `site-${randomUUID()}`;
  const terms = [{ scope: "inventory", attribute: "site", type: "$eq", value }];
  const made = await server.request("POST", FILTERS, { name: value, terms });
  const release = `release-${randomUUID()}`;
  await addArtifact(server, release);
  return { site: value, terms, filter: made.headers.get("location")?.split("/").at(-1) ?? "", release };
}

async function board(at?: string): Promise<{ device: TestDevice; id: string }> {
  const device = new TestDevice(server.url, randomUUID());
  const id = await enroll(server, device);
  if (at !== undefined) await report(device, at);
  return { device, id };
}

async function report(device: TestDevice, at: string): Promise<void> {
  const answer = await device.request("PUT", "v1/inventory/device/attributes", [{ name: "site", value: at }]);
  expect(answer.status).toBe(200);
}

async function deploy(
  { filter, release }: { filter: string; release: string },
  more: object = {},
  by: Pick<TestServer, "request"> = server,
): Promise<Response> {
  return by.request("POST", V2, { name: release, artifact_name: release, filter_id: filter, ...more });
}
async function deployed(to: { filter: string; release: string }, more: object = {}): Promise<string> {
  const answer = await deploy(to, more);
  expect(answer.status, await answer.clone().text()).toBe(201);
  return answer.headers.get("location")?.split("/").at(-1) ?? "";
}

const nextOf = async (device: TestDevice): Promise<unknown> => {
  const { status, body } = await device.next(V0);
  return status === 200 ? body.id : status;
};
const shown = async (id: string) => (await (await server.request("GET", `${V1}/${id}`)).json()) as object;

test("a dynamic deployment reaches the devices that match, and those that match later", async () => {
  const here = await site();
  const [first, second, third] = [await board(here.site), await board("elsewhere"), await board()];
  const id = await deployed(here);
  expect(await shown(id)).toMatchObject({
    ...{ dynamic: true, device_count: 1, status: "pending" },
    filter: { id: here.filter, name: here.site, terms: here.terms },
  });
  expect([await nextOf(first.device), await nextOf(second.device), await nextOf(third.device)]).toEqual([id, 204, 204]);
  // The device itself says that it has moved; another is moved by what a person changes.
  await report(second.device, here.site);
  expect(await nextOf(second.device)).toBe(id);
  await query(
    server,
    `UPDATE inventory SET attributes = attributes || jsonb_build_object('inventory', jsonb_build_object('site', $2::text))
      WHERE device_id = $1`,
    ...[third.id, here.site],
  );
  expect(await nextOf(third.device)).toBe(id);
  for (const { device } of [first, second, third]) await device.report(id, "success");
  expect(await stateOf(server, id)).toEqual({ state: "inprogress", success: 3 });
  // One that comes when all others are done.
  const late = await board(here.site);
  expect(await nextOf(late.device)).toBe(id);
  expect((await server.request("PUT", `${V1}/${id}/status`, { status: "aborted" })).status).toBe(204);
  expect(await stateOf(server, id)).toEqual({ state: "aborted", success: 3, aborted: 1 });
});

test("a change of the dynamic group, or its end, leaves its deployments as they were", async () => {
  const here = await site();
  const id = await deployed(here);
  const elsewhere = [{ scope: "inventory", attribute: "site", type: "$eq", value: "elsewhere" }];
  await server.request("PUT", `${FILTERS}/${here.filter}`, { name: here.site, terms: elsewhere });
  await server.request("DELETE", `${FILTERS}/${here.filter}`);
  expect(await nextOf((await board(here.site)).device)).toBe(id);
});

test("a fixed deployment is for the devices that match at its creation, whatever becomes of them", async () => {
  const here = await site();
  const [first, second] = [await board(here.site), await board("elsewhere")];
  const id = await deployed(here, { dynamic: false });
  expect(await shown(id)).toMatchObject({ dynamic: false, device_count: 1, filter: { id: here.filter } });
  await report(first.device, "elsewhere");
  await report(second.device, here.site);
  expect([await nextOf(first.device), await nextOf(second.device)]).toEqual([id, 204]);
  await first.device.report(id, "success");
  expect(await stateOf(server, id)).toEqual({ state: "finished", success: 1 });
});

test("the list of its devices has those that match now and have not asked", async () => {
  const here = await site();
  const [first, second] = [await board(here.site), await board(here.site)];
  const id = await deployed(here);
  await nextOf(first.device);
  const list = async (query = "") => {
    const answer = await server.request("GET", `${V1}/${id}/devices/list${query}`);
    return ((await answer.json()) as { id: string; status: string }[]).map((one) => one.id).toSorted();
  };
  const both = [first.id, second.id].toSorted();
  expect([await list(), await list("?cursor=")]).toEqual([both, both]);
  await report(second.device, "elsewhere");
  expect(await list("?cursor=")).toEqual([first.id]);
  const why = await (await server.request("GET", `${V1}/${id}/devices/${second.id}`)).json();
  expect(why).toMatchObject({ is_target: false, reason: "NOT_IN_TARGET" });
});

test("its rollout opens waves as any other", async () => {
  const here = await site();
  const boards = [await board(here.site), await board(here.site)];
  const waves = [{ count: 1, gate: { success_pct: 100 } }, { rest: true }];
  const id = await deployed(here, { rollout: { waves } });
  const asked = [await nextOf(boards[0]?.device as TestDevice), await nextOf(boards[1]?.device as TestDevice)];
  expect(asked.filter((answer) => answer === id)).toHaveLength(1);
});

test("a device for which nothing has changed is answered from memory; time counts as a change", async () => {
  const here = await site();
  const { device } = await board("elsewhere");
  const id = await deployed(here);
  expect(await nextOf(device)).toBe(204);
  const asked = vi.spyOn(server.server.services.postgres, "prepared");
  const names = () => asked.mock.calls.map(([, { name }]) => name).filter((name) => name.startsWith("read-poll-facts"));
  try {
    for (let n = 0; n < 3; n += 1) expect(await nextOf(device)).toBe(204);
    expect(names()).toEqual([]);
    await report(device, "elsewhere");
    expect(await nextOf(device)).toBe(204);
    expect(names()).toEqual(["read-poll-facts-and-inventory"]);
    const seen = [{ scope: "system", attribute: "check_in_time", type: "$gt", value: "9999" }];
    const made = await server.request("POST", FILTERS, { name: randomUUID(), terms: seen });
    const timed = await deployed({ ...here, filter: made.headers.get("location")?.split("/").at(-1) ?? "" });
    asked.mockClear();
    for (let n = 0; n < 3; n += 1) expect(await nextOf(device)).toBe(204);
    expect(names()).toHaveLength(3);
    await server.request("PUT", `${V1}/${timed}/status`, { status: "aborted" });
  } finally {
    asked.mockRestore();
    await server.request("PUT", `${V1}/${id}/status`, { status: "aborted" });
  }
});

test("a deployment that cannot be is refused", async () => {
  const here = await site();
  const codeOf = async (answer: Response) => [answer.status, ((await answer.json()) as { code: string }).code];
  expect(await codeOf(await deploy({ ...here, filter: randomUUID() }))).toEqual([404, "NOT_FOUND"]);
  expect(await codeOf(await deploy(here, { dynamic: false }))).toEqual([400, "REQUEST_INVALID"]);
  const waves = { rollout: { waves: [{ rest: true }] } };
  expect(await codeOf(await deploy(here, waves))).toEqual([400, "REQUEST_INVALID"]);
  await deployed(here);
  expect(await codeOf(await deploy(here))).toEqual([409, "CONFLICT"]);
  // Limited to a group: the dynamic group may have other devices.
  const name = `role-${randomUUID()}`;
  const scope = { type: "DeviceGroups", value: ["lab"] } as const;
  await addRole(server, name, [
    { name: "DeployToDevices", scope },
    { name: "ReadReleases" },
    { name: "ManageDevices", scope },
  ]);
  const person = await addPerson(server, [name]);
  expect(await codeOf(await deploy(here, { name: "other" }, person))).toEqual([403, "FORBIDDEN"]);
  const terms = [...here.terms, { scope: "system", attribute: "group", type: "$eq", value: "lab" }];
  const made = await person.request("POST", FILTERS, { name, terms });
  const own = await deploy({ ...here, filter: made.headers.get("location")?.split("/").at(-1) ?? "" }, {}, person);
  expect(own.status).toBe(201);
  const path = own.headers.get("location") ?? "";
  expect((await person.request("PUT", `${path}/status`, { status: "aborted" })).status).toBe(204);
});
