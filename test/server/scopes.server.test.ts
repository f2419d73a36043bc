import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, expect, test } from "vitest";
import { makeArtifact, upload } from "../support/server/artifacts.ts";
import { addPerson, addRole } from "../support/server/people.ts";
import { addArtifact, addDeployment, query } from "../support/server/seed.ts";
import { makeDevice, setAttributes } from "../support/server/test-devices.ts";
import { startTestServer, type TestServer } from "../support/server/test-server.ts";

const DEVAUTH = "/api/management/v2/devauth";
const INVENTORY = "/api/management/v1/inventory";
const SEARCH = "/api/management/v2/inventory";
const DEPLOYMENTS = "/api/management/v1/deployments";
const RELEASES = "/api/management/v2/deployments/deployments/releases";

let server: TestServer;
/** Limited to the group `ours` and the tag `beta`. */
let person: Awaited<ReturnType<typeof addPerson>>;
let ours: { readonly device: string; readonly set: string };
let theirs: { readonly device: string; readonly set: string };
/** In no group. */
let pending: { readonly device: string; readonly set: string };
const deployments: Record<"all" | "ours" | "theirs" | "listOfOurs" | "listOfBoth" | "listOfTheirs", string> = {
  ...{ all: "", ours: "", theirs: "", listOfOurs: "", listOfBoth: "", listOfTheirs: "" },
};
const artifacts: Record<"beta" | "stable", string> = { beta: "", stable: "" };

beforeAll(async () => {
  server = await startTestServer();
  [ours, theirs, pending] = [await makeDevice(server), await makeDevice(server), await makeDevice(server, "pending")];
  await setAttributes(server, ours.device, { shared: "x", ours_only: "y" });
  await setAttributes(server, theirs.device, { shared: "x", theirs_only: "z" });
  for (const [group, { device }] of [
    ["ours", ours],
    ["theirs", theirs],
  ] as const)
    await server.request("PATCH", `${INVENTORY}/groups/${group}/devices`, [device]);
  for (const name of ["beta", "stable"] as const) {
    artifacts[name] = await addArtifact(server, `release-${name}`);
    await server.request("PUT", `${RELEASES}/release-${name}/tags`, [name]);
  }
  const release = "release-beta";
  deployments.all = await addDeployment(server, { release, target: { kind: "all" }, count: 2 });
  for (const group of ["ours", "theirs"] as const)
    deployments[group] = await addDeployment(server, { release, target: { kind: "group", group } });
  deployments.listOfOurs = await addDeployment(server, { release, devices: [ours.device] });
  deployments.listOfBoth = await addDeployment(server, { release, devices: [ours.device, theirs.device] });
  deployments.listOfTheirs = await addDeployment(server, { release, devices: [theirs.device] });
  const groups = { type: "DeviceGroups", value: ["ours"] } as const;
  const tags = { type: "ReleaseTags", value: ["beta"] } as const;
  await addRole(server, "ours", [
    ...(["ReadDevices", "ManageDevices", "DeployToDevices", "ConfigureDevices"] as const).map((name) => ({
      name,
      scope: groups,
    })),
    ...(["ReadReleases", "ManageReleases", "UploadArtifacts"] as const).map((name) => ({ name, scope: tags })),
  ]);
  person = await addPerson(server, ["ours"]);
});
afterAll(() => server.close());

const json = async (path: string, body?: unknown): Promise<unknown> => {
  const answer = await person.request(body === undefined ? "GET" : "POST", path, body);
  expect(answer.status, path).toBe(200);
  return answer.json();
};
const idsOf = (rows: unknown): readonly string[] => (rows as { id: string }[]).map(({ id }) => id);

test("lists, searches and counts of devices have the devices of the groups only", async () => {
  const search = { filters: [{ scope: "inventory", attribute: "shared", type: "$eq", value: "x" }] };
  const both = await (await server.request("POST", `${SEARCH}/filters/search`, search)).json();
  expect(idsOf(both)).toHaveLength(2);
  for (const rows of [
    await json(`${DEVAUTH}/devices`),
    await json(`${DEVAUTH}/devices?id=${ours.device}&id=${theirs.device}`),
    await json(`${DEVAUTH}/devices/search`, { id: [ours.device, theirs.device, pending.device] }),
    await json(`${INVENTORY}/devices`),
    await json(`${INVENTORY}/devices?shared=x`),
    await json(`${SEARCH}/filters/search`, search),
    await json(`${SEARCH}/filters/search`, { device_ids: [theirs.device, ours.device] }),
    await json(`${SEARCH}/filters/search`, { text: "-" }),
  ])
    expect(idsOf(rows)).toEqual([ours.device]);
  expect(await json(`${INVENTORY}/groups`)).toEqual(["ours"]);
  expect(await json(`${INVENTORY}/groups/ours/devices`)).toEqual([ours.device]);
  expect(await json(`${DEVAUTH}/devices/count`)).toEqual({ count: 1 });
  expect(await json(`${DEVAUTH}/devices/count?status=pending`)).toEqual({ count: 0 });
  expect(await json(`${SEARCH}/statistics`)).toMatchObject({
    devices_by_status: { accepted: { standard: 1 }, pending: { standard: 0 } },
  });
  const names = (await json(`${SEARCH}/filters/attributes`)) as { name: string }[];
  expect(names.map(({ name }) => name).toSorted()).toEqual(["ours_only", "shared", "sn"]);
  const total = async (path: string) => (await person.request("GET", path)).headers.get("x-total-count");
  expect([await total(`${DEVAUTH}/devices`), await total(`${INVENTORY}/devices`)]).toEqual(["1", "1"]);
});

/** Requests about one device. They must not tell a device out of sight from one that is not there. */
const ABOUT_DEVICE: readonly (readonly [method: string, path: string, body?: unknown])[] = [
  ["GET", `${DEVAUTH}/devices/DEVICE`],
  ["DELETE", `${DEVAUTH}/devices/DEVICE`],
  ["GET", `${DEVAUTH}/devices/DEVICE/auth/SET/status`],
  ["PUT", `${DEVAUTH}/devices/DEVICE/auth/SET/status`, { status: "rejected" }],
  ["DELETE", `${DEVAUTH}/devices/DEVICE/auth/SET`],
  ["DELETE", `${DEVAUTH}/tokens/SET`],
  ["POST", `${DEVAUTH}/devices/bulk`, { action: "reject", device_ids: ["DEVICE"] }],
  ["GET", `${INVENTORY}/devices/DEVICE`],
  ["DELETE", `${INVENTORY}/devices/DEVICE`],
  ["PUT", `${INVENTORY}/devices/DEVICE/tags`, [{ name: "a", value: "b" }]],
  ["PATCH", `${INVENTORY}/devices/DEVICE/tags`, [{ name: "a", value: "b" }]],
  ["GET", `${INVENTORY}/devices/DEVICE/group`],
  ["PUT", `${INVENTORY}/devices/DEVICE/group`, { group: "ours" }],
  ["DELETE", `${INVENTORY}/devices/DEVICE/group/theirs`],
  ["PATCH", `${INVENTORY}/groups/ours/devices`, ["DEVICE"]],
  ["GET", `${DEPLOYMENTS}/deployments/devices/DEVICE`],
  ["DELETE", `${DEPLOYMENTS}/deployments/devices/DEVICE`],
  ["DELETE", `${DEPLOYMENTS}/deployments/devices/DEVICE/history`],
  ["GET", `${DEPLOYMENTS}/deployments/ALL/devices/DEVICE`],
  ["GET", `${DEPLOYMENTS}/deployments/ALL/devices/DEVICE/log`],
  ["POST", `${DEPLOYMENTS}/deployments`, { name: "x", artifact_name: "release-beta", devices: ["DEVICE"] }],
];

/** Everything that a refused act could have changed. */
const state = () =>
  query(
    server,
    `SELECT (SELECT jsonb_agg(d ORDER BY id) FROM devices d) AS devices, (SELECT jsonb_agg(s ORDER BY id) FROM auth_sets s) AS sets,
      (SELECT jsonb_agg(i ORDER BY device_id) FROM inventory i) AS inventory, (SELECT count(*) FROM audit) AS audit,
      (SELECT jsonb_agg(d ORDER BY id) FROM deployments d) AS deployments, (SELECT jsonb_agg(r ORDER BY name) FROM releases r) AS releases`,
  );

test("a device out of sight is like one that is not there, and nothing changes", async () => {
  const before = await state();
  for (const [method, path, body] of ABOUT_DEVICE) {
    const ask = async (device: string, set: string): Promise<unknown> => {
      const fill = (text: string) =>
        text.replaceAll("DEVICE", device).replaceAll("SET", set).replaceAll("ALL", deployments.all);
      const answer = await person.request(
        method,
        fill(path),
        body === undefined ? undefined : JSON.parse(fill(JSON.stringify(body))),
      );
      const text = await answer.text();
      // Each answer names its own request, and the ids that were asked for.
      return [
        answer.status,
        text
          .replaceAll(device, "DEVICE")
          .replaceAll(set, "SET")
          .replace(/"request_id":"[^"]*"/, ""),
      ];
    };
    const unknown = await ask(randomUUID(), randomUUID());
    for (const { device, set } of [theirs, pending])
      expect(await ask(device, set), `${method} ${path}`).toEqual(unknown);
  }
  expect(await state()).toEqual(before);
});

test("deployments that concern a device of the groups are seen, with these devices only", async () => {
  const { all, listOfOurs, listOfBoth, theirs: toTheirs, listOfTheirs } = deployments;
  const seen = idsOf(await json(`${DEPLOYMENTS}/deployments?per_page=100`));
  expect(seen.toSorted()).toEqual([all, deployments.ours, listOfOurs, listOfBoth].toSorted());
  for (const id of [toTheirs, listOfTheirs])
    for (const rest of [
      "",
      "/statistics",
      "/devices",
      "/devices/list",
      "/device_list",
      "/series",
      `/devices/${ours.device}`,
    ])
      expect((await person.request("GET", `${DEPLOYMENTS}/deployments/${id}${rest}`)).status, rest).toBe(404);
  for (const id of [all, listOfBoth]) {
    expect(idsOf(await json(`${DEPLOYMENTS}/deployments/${id}/devices`))).toEqual([ours.device]);
    expect(await json(`${DEPLOYMENTS}/deployments/${id}/device_list`)).toEqual([ours.device]);
    const page = await person.request("GET", `${DEPLOYMENTS}/deployments/${id}/devices/list`);
    expect([idsOf(await page.json()), page.headers.get("x-total-count")]).toEqual([[ours.device], "1"]);
  }
  const list = await person.request("POST", `${DEPLOYMENTS}/deployments/statistics/list`, {
    deployment_ids: [toTheirs],
  });
  expect(list.status).toBe(404);
});

test("a deployment is made for the groups and ended only as a whole", async () => {
  const create = async (path: string, body: object) =>
    (
      await person.request("POST", `${DEPLOYMENTS}/deployments${path}`, {
        name: "new",
        artifact_name: "release-beta",
        ...body,
      })
    ).status;
  expect(await create("", { all_devices: true })).toBe(403);
  expect(await create("/group/theirs", {})).toBe(403);
  expect(await create("/group/nobody", {})).toBe(403);
  expect(await create("", { devices: [ours.device, theirs.device] })).toBe(400);
  expect(await create("", { devices: [ours.device], artifact_name: "release-stable" })).toBe(422);
  expect(await create("/group/ours", {})).toBe(201);
  expect(await create("", { devices: [ours.device] })).toBe(201);
  const abort = async (id: string) =>
    (await person.request("PUT", `${DEPLOYMENTS}/deployments/${id}/status`, { status: "aborted" })).status;
  expect([await abort(deployments.all), await abort(deployments.listOfBoth)]).toEqual([403, 403]);
  expect([await abort(deployments.theirs), await abort(deployments.listOfTheirs)]).toEqual([404, 404]);
  expect([await abort(deployments.ours), await abort(deployments.listOfOurs)]).toEqual([204, 204]);
});

test("groups are changed within the groups of the role", async () => {
  const put = async (group: string) =>
    (await person.request("PUT", `${INVENTORY}/devices/${ours.device}/group`, { group })).status;
  expect([await put("theirs"), await put("nobody"), await put("ours")]).toEqual([403, 403, 204]);
  expect((await person.request("DELETE", `${INVENTORY}/groups/theirs`)).status).toBe(404);
  for (const method of ["PATCH", "DELETE"])
    expect((await person.request(method, `${INVENTORY}/groups/theirs/devices`, [ours.device])).status).toBe(403);
  const { publicKey } = await import("node:crypto").then(({ generateKeyPairSync }) => generateKeyPairSync("ed25519"));
  const body = { identity_data: { sn: "new" }, pubkey: publicKey.export({ type: "spki", format: "pem" }) };
  expect((await person.request("POST", `${DEVAUTH}/devices`, body)).status).toBe(403);
  expect((await server.request("POST", `${DEVAUTH}/devices`, body)).status).toBe(201);
});

test("releases without one of the tags are like those that are not there", async () => {
  for (const path of [
    `${DEPLOYMENTS}/artifacts`,
    `${DEPLOYMENTS}/artifacts/list`,
    "/api/management/v2/deployments/artifacts",
  ])
    expect(idsOf(await json(path))).toEqual([artifacts.beta]);
  const names = async (path: string) =>
    ((await json(path)) as { name?: string; Name?: string }[]).map((one) => one.name ?? one.Name);
  for (const path of [RELEASES, `${DEPLOYMENTS}/deployments/releases`, `${DEPLOYMENTS}/deployments/releases/list`])
    expect(await names(path)).toEqual(["release-beta"]);
  expect(await json("/api/management/v2/deployments/releases/all/tags")).toEqual(["beta"]);
  const about = [
    ["GET", `${DEPLOYMENTS}/artifacts/${artifacts.stable}`],
    ["GET", `${DEPLOYMENTS}/artifacts/${artifacts.stable}/download`],
    ["PUT", `${DEPLOYMENTS}/artifacts/${artifacts.stable}`, { description: "x" }],
    ["DELETE", `${DEPLOYMENTS}/artifacts/${artifacts.stable}`],
    ["GET", `${RELEASES}/release-stable`],
    ["PATCH", `${RELEASES}/release-stable`, { notes: "x" }],
    ["PUT", `${RELEASES}/release-stable/tags`, ["beta"]],
    ["DELETE", `${RELEASES}?name=release-stable`],
  ] as const;
  const before = await state();
  for (const [method, path, body] of about)
    expect((await person.request(method, path, body)).status, `${method} ${path}`).toBe(404);
  // Nobody hands a release over to those who see other tags.
  expect((await person.request("PUT", `${RELEASES}/release-beta/tags`, ["beta", "stable"])).status).toBe(403);
  expect(await state()).toEqual(before);
  expect((await person.request("PATCH", `${RELEASES}/release-beta`, { notes: "x" })).status).toBe(204);
});

test("an upload by a role that is limited to tags makes a release with these tags, and adds to no other", async () => {
  const send = async (name: string, deviceTypes: readonly string[]) => {
    const answer = await upload({ url: server.url, token: person.token }, await makeArtifact({ name, deviceTypes }));
    return [answer.status, ((await answer.text()) || "{}").includes("FORBIDDEN")];
  };
  expect(await send("release-new", ["board-a"])).toEqual([201, false]);
  expect(await (await person.request("GET", `${RELEASES}/release-new`)).json()).toMatchObject({ tags: ["beta"] });
  expect(await send("release-new", ["board-b"])).toEqual([201, false]);
  expect(await send("release-stable", ["board-b"])).toEqual([403, true]);
});
