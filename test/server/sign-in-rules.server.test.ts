import { afterAll, beforeAll, expect, test } from "vitest";
import { hashPassword } from "../../server/adapters/passwords/passwords.ts";
import { addUser } from "../../server/adapters/postgres/people.ts";
import { addSession } from "../../server/adapters/postgres/sessions.ts";
import { NO_PASSWORD } from "../../server/domain/passwords/no-password.ts";
import { addPerson } from "../support/server/people.ts";
import { query } from "../support/server/seed.ts";
import { logIn, startTestServer, type TestServer } from "../support/server/test-server.ts";

const USERADM = "/api/management/v1/useradm";
const METADATA = `${USERADM}/sso/idp/metadata`;
const PASSWORD = "correct horse battery";
const ADMINISTRATOR = "RBAC_ROLE_PERMIT_ALL";
let server: TestServer;
let admin: string;
beforeAll(async () => {
  server = await startTestServer();
  admin = ((await (await server.request("GET", `${USERADM}/users/me`)).json()) as { id: string }).id;
});
afterAll(() => server.close());

const put = async (rules: object) => {
  const answer = await server.request("PUT", `${USERADM}/sign_in`, rules);
  return [answer.status, ...(answer.status === 204 ? [] : [((await answer.json()) as { code: string }).code])];
};
const add = async (email: string, roles: readonly string[] = [], password = PASSWORD): Promise<string> => {
  const { postgres } = server.server.services;
  const hash = password === "" ? NO_PASSWORD : await hashPassword(password);
  const { id } = server.tenant;
  return (await postgres.inTenant(id, (session) => addUser(session, id, email, hash, roles))).id;
};
const login = async (email: string): Promise<readonly unknown[]> => {
  const answer = await fetch(`${server.url}${USERADM}/auth/login`, {
    method: "POST",
    headers: { authorization: `Basic ${Buffer.from(`${email}:${PASSWORD}`).toString("base64")}` },
  });
  return [answer.status, ...(answer.status === 200 ? [] : [((await answer.json()) as { code: string }).code])];
};
const works = async (token: string) =>
  (await fetch(`${server.url}${USERADM}/users/me`, { headers: { authorization: `Bearer ${token}` } })).status;

test("passwords are turned off for all but the administrators that the tenant names", async () => {
  const user = await add("user@example.com");
  const token = await logIn(server.url, "user@example.com", PASSWORD);
  const made = await fetch(`${server.url}${USERADM}/settings/tokens`, {
    method: "POST",
    headers: { authorization: `Bearer ${token}`, "content-type": "application/json" },
    body: JSON.stringify({ name: "ci" }),
  });
  const accessToken = await made.text();
  expect(await put({ passwords: "off" })).toEqual([422, "LAST_ADMINISTRATOR"]);
  expect(await put({ passwords: "off", break_glass: [user] })).toEqual([422, "LAST_ADMINISTRATOR"]);
  expect(await put({ passwords: "off", break_glass: [crypto.randomUUID()] })).toEqual([422, "NOT_POSSIBLE"]);
  const nobody = await add("no-password@example.com", [ADMINISTRATOR], "");
  expect(await put({ passwords: "off", break_glass: [nobody] })).toEqual([422, "LAST_ADMINISTRATOR"]);
  expect(await login("user@example.com")).toEqual([200]);
  expect(await put({ passwords: "off", break_glass: [admin] })).toEqual([204]);
  expect(await (await server.request("GET", `${USERADM}/sign_in`)).json()).toEqual({
    ...{ second_factor: "optional", passwords: "off", break_glass: [admin] },
  });
  expect(await login("user@example.com")).toEqual([403, "PASSWORDS_OFF"]);
  expect(await login("admin@example.com")).toEqual([200]);
  // Sessions that passwords have begun end. Access tokens stay, and the session that has turned them off.
  expect([await works(token), await works(accessToken), await works(server.token)]).toEqual([401, 200, 200]);
});

test("who does not know the password does not learn that it would not help", async () => {
  const answer = await fetch(`${server.url}${USERADM}/auth/login`, {
    method: "POST",
    headers: { authorization: `Basic ${Buffer.from("user@example.com:wrong password").toString("base64")}` },
  });
  expect([answer.status, ((await answer.json()) as { code: string }).code]).toEqual([401, "LOGIN_FAILED"]);
});

test("with passwords off, the last administrator with a password stays one: a tenant cannot lock itself out", async () => {
  const second = await addPerson(server, [ADMINISTRATOR]);
  const refusals = [
    await second.request("PUT", `${USERADM}/users/${admin}`, { roles: [] }),
    await second.request("DELETE", `${USERADM}/users/${admin}`),
    await second.request("PUT", `${USERADM}/sign_in`, { break_glass: [] }),
    await second.request("PUT", `${USERADM}/sign_in`, { break_glass: [second.id, admin].slice(2) }),
  ];
  for (const refusal of refusals)
    expect([refusal.status, ((await refusal.json()) as { code: string }).code]).toEqual([422, "LAST_ADMINISTRATOR"]);
  expect(await login("admin@example.com")).toEqual([200]);
  // With another one beside, it goes.
  const spare = await add("spare@example.com", [ADMINISTRATOR]);
  expect(await put({ break_glass: [admin, spare] })).toEqual([204]);
  expect((await server.request("PUT", `${USERADM}/users/${spare}`, { roles: [] })).status).toBe(204);
  expect(await put({ passwords: "on", break_glass: [] })).toEqual([204]);
  expect(await login("user@example.com")).toEqual([200]);
});

test("a session that a provider has begun needs no second factor of this server, and others do", async () => {
  const { postgres, tokens } = server.server.services;
  const answer = await server.request("POST", METADATA, {
    ...{ name: "Works", settings: { issuer: "https://id.example.com", client_id: "c", default_roles: [] } },
  });
  const provider = answer.headers.get("location")?.split("/").at(-1) ?? "";
  const person = await addPerson(server, ["RBAC_ROLE_OBSERVER"]);
  const { id: tenant } = server.tenant;
  const origin = { address: "192.0.2.1", userAgent: undefined };
  const jti = await postgres.inTenant(tenant, (session) =>
    addSession(session, tenant, person.id, new Date(Date.now() + 60_000), origin, undefined, provider),
  );
  const token = await tokens.sign({ jti, sub: person.id, tenant, kind: "user" }, 60);
  expect(await put({ second_factor: "required" })).toEqual([204]);
  const devices = (headers: Record<string, string>) =>
    server.request("GET", "/api/management/v2/devauth/devices", undefined, headers);
  expect((await devices({ authorization: `Bearer ${token}` })).status).toBe(200);
  expect((await devices({ authorization: `Bearer ${person.token}` })).status).toBe(403);
  await query(server, "DELETE FROM sign_in_rules");
});
