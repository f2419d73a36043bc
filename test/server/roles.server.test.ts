import { afterAll, beforeAll, expect, test } from "vitest";
import { addPerson, addRole } from "../support/server/people.ts";
import { startTestServer, type TestServer } from "../support/server/test-server.ts";

const USERADM = "/api/management/v1/useradm";
const ROLES = "/api/management/v2/useradm/roles";
const ADMINISTRATOR = "RBAC_ROLE_PERMIT_ALL";
let server: TestServer;
beforeAll(async () => {
  server = await startTestServer();
});
afterAll(() => server.close());

const codeOf = async (answer: Response): Promise<readonly unknown[]> => [
  answer.status,
  ((await answer.json()) as { code?: string }).code,
];
const admin = async (): Promise<string> =>
  ((await (await server.request("GET", `${USERADM}/users/me`)).json()) as { id: string }).id;

test("a role is made, shown, changed and deleted, and the list begins with Mender's", async () => {
  const sets = [
    { name: "ReadDevices", scope: { type: "DeviceGroups", value: ["lab"] } },
    { name: "ReadAuditLogs" },
  ] as const;
  const role = { name: "lab watchers", description: "watch", permission_sets_with_scope: sets };
  const made = await server.request("POST", ROLES, role);
  expect([made.status, made.headers.get("location")]).toEqual([201, `${ROLES}/lab%20watchers`]);
  const path = made.headers.get("location") ?? "";
  expect(await (await server.request("GET", path)).json()).toEqual({ ...role, built_in: false });
  const changed = [{ name: "ReadReleases", scope: { type: "ReleaseTags", value: ["Beta"] } }];
  expect((await server.request("PUT", path, { permission_sets_with_scope: changed })).status).toBe(204);
  for (const url of [ROLES, `${USERADM}/roles`]) {
    const all = (await (await server.request("GET", url)).json()) as { name: string; built_in: boolean }[];
    expect(all.map(({ name }) => name)).toEqual([
      ...[ADMINISTRATOR, "RBAC_ROLE_OBSERVER", "RBAC_ROLE_CI", "RBAC_ROLE_DEPLOYMENTS_MANAGER"],
      ...["RBAC_ROLE_REMOTE_TERMINAL", "lab watchers"],
    ]);
    expect(all.at(-1)).toMatchObject({
      description: "watch",
      permission_sets_with_scope: [{ name: "ReadReleases", scope: { type: "ReleaseTags", value: ["beta"] } }],
    });
  }
  expect((await server.request("DELETE", path)).status).toBe(204);
  expect((await server.request("GET", path)).status).toBe(404);
});

for (const [title, body, expected] of [
  ["a set that is not known", { name: "a", permission_sets_with_scope: [{ name: "All" }] }, [400, "REQUEST_INVALID"]],
  [
    "a scope that the set does not have",
    { name: "a", permission_sets_with_scope: [{ name: "ReadUsers", scope: { type: "DeviceGroups", value: ["lab"] } }] },
    [400, "REQUEST_INVALID"],
  ],
  [
    "the name of a built-in role",
    { name: "RBAC_ROLE_CI", permission_sets_with_scope: [{ name: "Basic" }] },
    [409, "CONFLICT"],
  ],
] as const)
  test(`a role with ${title} is refused`, async () => {
    expect(await codeOf(await server.request("POST", ROLES, body))).toEqual(expected);
  });

test("built-in roles cannot be changed, and a role that users have cannot be deleted", async () => {
  const body = { permission_sets_with_scope: [{ name: "Basic" }] };
  expect(await codeOf(await server.request("PUT", `${ROLES}/RBAC_ROLE_CI`, body))).toEqual([422, "NOT_POSSIBLE"]);
  expect(await codeOf(await server.request("DELETE", `${ROLES}/RBAC_ROLE_CI`))).toEqual([422, "NOT_POSSIBLE"]);
  await addRole(server, "used", [{ name: "ReadDevices" }]);
  await addPerson(server, ["used"]);
  expect(await codeOf(await server.request("DELETE", `${ROLES}/used`))).toEqual([409, "CONFLICT"]);
});

test("users have the roles that they are given; without a word about roles, they are administrators", async () => {
  const add = (name: string, more: object) =>
    server.request("POST", `${USERADM}/users`, {
      email: `${name}@example.com`,
      password: "correct horse battery",
      ...more,
    });
  expect((await add("plain", {})).status).toBe(201);
  expect((await add("none", { roles: [] })).status).toBe(201);
  expect((await add("ci", { roles: ["RBAC_ROLE_CI"] })).status).toBe(201);
  expect(await codeOf(await add("unknown", { roles: ["nothing"] }))).toEqual([422, "NOT_POSSIBLE"]);
  const users = (await (await server.request("GET", `${USERADM}/users`)).json()) as {
    email: string;
    roles: string[];
  }[];
  const rolesOf = new Map(users.map(({ email, roles }) => [email, roles]));
  expect(rolesOf.get("plain@example.com")).toEqual([ADMINISTRATOR]);
  expect(rolesOf.get("none@example.com")).toEqual([]);
  expect(rolesOf.get("ci@example.com")).toEqual(["RBAC_ROLE_CI"]);
  expect(rolesOf.has("unknown@example.com")).toBe(false);
});

test("new roles hold for the next request, of sessions and of access tokens", async () => {
  const person = await addPerson(server, ["RBAC_ROLE_OBSERVER"]);
  const token = await (await person.request("POST", `${USERADM}/settings/tokens`, { name: "ci" })).text();
  const ask = (path: string) => server.request("GET", path, undefined, { authorization: `Bearer ${token}` });
  const devices = "/api/management/v2/devauth/devices";
  expect([(await ask(devices)).status, (await ask(`${USERADM}/users`)).status]).toEqual([200, 403]);
  await server.request("PUT", `${USERADM}/users/${person.id}`, { roles: [] });
  expect([(await ask(devices)).status, (await person.request("GET", devices)).status]).toEqual([403, 403]);
  await addRole(server, "people", [{ name: "ReadUsers" }]);
  await server.request("PUT", `${USERADM}/users/${person.id}`, { roles: ["people"] });
  expect((await ask(`${USERADM}/users`)).status).toBe(200);
  await server.request("PUT", `${ROLES}/people`, { permission_sets_with_scope: [{ name: "ReadAuditLogs" }] });
  expect((await ask(`${USERADM}/users`)).status).toBe(403);
});

test("nobody changes their own roles, not even by a role that they have", async () => {
  await addRole(server, "helpdesk", [{ name: "ManageUsers" }]);
  const person = await addPerson(server, ["helpdesk"]);
  for (const path of [`${USERADM}/users/me`, `${USERADM}/users/${person.id}`])
    expect(await codeOf(await person.request("PUT", path, { roles: [ADMINISTRATOR] }))).toEqual([422, "OWN_ROLES"]);
  const wider = { permission_sets_with_scope: [{ name: "ManageUsers" }, { name: "ReadUsers" }] };
  expect(await codeOf(await person.request("PUT", `${ROLES}/helpdesk`, wider))).toEqual([422, "OWN_ROLES"]);
  // A console sends all fields, also those that do not change.
  expect((await person.request("PUT", `${USERADM}/users/me`, { roles: ["helpdesk"] })).status).toBe(204);
});

test("nobody gives more than they have, or takes over who has more", async () => {
  await addRole(server, "staff", [
    { name: "ManageUsers" },
    { name: "ReadDevices", scope: { type: "DeviceGroups", value: ["a"] } },
  ]);
  await addRole(server, "readers of a", [{ name: "ReadDevices", scope: { type: "DeviceGroups", value: ["a"] } }]);
  const person = await addPerson(server, ["staff"]);
  const body = { email: "made@example.com", password: "correct horse battery" };
  const forbidden = [403, "FORBIDDEN"];
  expect(await codeOf(await person.request("POST", `${USERADM}/users`, body))).toEqual(forbidden);
  expect(
    await codeOf(await person.request("POST", `${USERADM}/users`, { ...body, roles: ["RBAC_ROLE_OBSERVER"] })),
  ).toEqual(forbidden);
  const made = await person.request("POST", `${USERADM}/users`, { ...body, roles: ["readers of a"] });
  expect(made.status).toBe(201);
  const sets = [{ name: "ReadDevices", scope: { type: "DeviceGroups", value: ["a", "b"] } }];
  expect(await codeOf(await person.request("POST", ROLES, { name: "more", permission_sets_with_scope: sets }))).toEqual(
    forbidden,
  );
  const target = `${USERADM}/users/${await admin()}`;
  expect(await codeOf(await person.request("PUT", target, { password: "another horse battery" }))).toEqual(forbidden);
  expect(await codeOf(await person.request("DELETE", target))).toEqual(forbidden);
  expect((await person.request("DELETE", `${made.headers.get("location")}`)).status).toBe(204);
});

test("the last administrator stays one", async () => {
  const alone = await startTestServer();
  try {
    const me = ((await (await alone.request("GET", `${USERADM}/users/me`)).json()) as { id: string }).id;
    const second = await addPerson(alone, [ADMINISTRATOR]);
    await addPerson(alone, ["RBAC_ROLE_OBSERVER"]);
    expect((await alone.request("PUT", `${USERADM}/users/${second.id}`, { roles: [] })).status).toBe(204);
    expect(await codeOf(await alone.request("DELETE", `${USERADM}/users/${me}`))).toEqual([422, "LAST_ADMINISTRATOR"]);
    await alone.request("PUT", `${USERADM}/users/${second.id}`, { roles: [ADMINISTRATOR] });
    const both = [
      alone.request("PUT", `${USERADM}/users/${second.id}`, { roles: [] }),
      second.request("PUT", `${USERADM}/users/${me}`, { roles: [] }),
    ];
    const statuses = (await Promise.all(both)).map(({ status }) => status).toSorted();
    expect([
      [204, 422],
      [204, 403],
    ]).toContainEqual(statuses);
  } finally {
    await alone.close();
  }
});
