import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, expect, test } from "vitest";
import { loginDelayS } from "../../server/domain/authentication/login-delays.ts";
import { weaknessOf } from "../../server/domain/passwords/weakness.ts";
import { logIn, startTestServer, type TestServer } from "../support/server/test-server.ts";

const V1 = "/api/management/v1/useradm";
let server: TestServer;
beforeAll(async () => {
  server = await startTestServer();
});
afterAll(() => server.close());

interface Answer<T> {
  readonly status: number;
  readonly headers: Headers;
  readonly body: T;
}
async function as<T = { code?: string }>(
  token: string,
  method: string,
  path: string,
  body?: unknown,
  headers = {},
): Promise<Answer<T>> {
  const answer = await server.request(method, path, body, { authorization: `Bearer ${token}`, ...headers });
  const text = await answer.text();
  const isJson = answer.headers.get("content-type")?.startsWith("application/json") === true;
  return { status: answer.status, headers: answer.headers, body: (isJson ? JSON.parse(text) : text) as T };
}

/** A new user, with the token of a session. */
async function newUser(name: string): Promise<{ id: string; email: string; token: string }> {
  const email = `${name}@example.com`;
  const made = await as(server.token, "POST", `${V1}/users`, { email, password: "first secret words" });
  expect(made.status).toBe(201);
  const id = made.headers.get("location")?.split("/").at(-1) ?? "";
  return { id, email, token: await logIn(server.url, email, "first secret words") };
}

test("a person changes their password with the present one, which ends their other sessions", async () => {
  const { id, email, token } = await newUser("changer");
  const other = await logIn(server.url, email, "first secret words");
  const change = { password: "second secret words" };
  for (const path of [`${V1}/users/me`, `${V1}/users/${id}`, "/api/management/v2/useradm/users/me"]) {
    expect((await as(token, "PUT", path, change)).status, path).toBe(422);
    expect((await as(token, "PUT", path, { ...change, current_password: "wrong" })).status, path).toBe(422);
  }
  const right = { ...change, current_password: "first secret words" };
  expect((await as(token, "PUT", `${V1}/users/me`, right)).status).toBe(204);
  expect((await as(token, "GET", `${V1}/users/me`)).body).toMatchObject({ id, email });
  expect((await as(other, "GET", `${V1}/users/me`)).status).toBe(401);
  await expect(logIn(server.url, email, "first secret words")).rejects.toThrow("401");
  await logIn(server.url, email, "second secret words");
});

test("an administrator gives another user a password and an address, and removes the user", async () => {
  const { id, token } = await newUser("moved");
  const change = { email: "Moved.Away@example.com", password: "third secret words" };
  expect((await as(server.token, "PUT", `${V1}/users/${id}`, change)).status).toBe(204);
  expect((await as(token, "GET", `${V1}/users/me`)).status).toBe(401);
  await expect(logIn(server.url, "moved@example.com", "third secret words")).rejects.toThrow("401");
  await logIn(server.url, "moved.away@example.com", "third secret words");
  expect((await as(server.token, "GET", `${V1}/users?email=moved.away@example.com`)).body).toMatchObject([{ id }]);
  expect((await as(server.token, "PUT", `${V1}/users/${id}`, { email: "admin@example.com" })).status).toBe(422);
  expect((await as(server.token, "DELETE", `${V1}/users/${id}`)).status).toBe(204);
  expect((await as(server.token, "GET", `${V1}/users/${id}`)).status).toBe(404);
  expect((await as(server.token, "DELETE", `${V1}/users/${id}`)).status).toBe(404);
});

test("a session ends with its logout", async () => {
  const { token } = await newUser("leaving");
  expect((await as(token, "POST", `${V1}/auth/logout`)).status).toBe(202);
  expect((await as(token, "GET", `${V1}/users/me`)).status).toBe(401);
});

test("access tokens work until they are removed, and there are ten at most", async () => {
  const { token } = await newUser("tokens");
  const path = `${V1}/settings/tokens`;
  const made = await as<string>(token, "POST", path, { name: "ci", expires_in: 3600 });
  expect([made.status, made.headers.get("content-type")]).toEqual([200, "application/jwt"]);
  expect(made.body).toMatch(/^[\w-]+\.[\w-]+\.[\w-]+$/);
  expect((await as(made.body, "GET", `${V1}/users/me`)).status).toBe(200);
  const [listed] = (await as<{ id: string }[]>(token, "GET", path)).body;
  expect(listed).toMatchObject({ name: "ci", last_used: expect.any(String), expiration_date: expect.any(String) });
  expect((await as(token, "POST", path, { name: "ci" })).status).toBe(409);
  for (let n = 0; n < 9; n += 1) expect((await as(token, "POST", path, { name: `t${n}` })).status).toBe(200);
  expect((await as(token, "POST", path, { name: "eleventh" })).status).toBe(422);
  expect((await as(token, "POST", path, { name: "long", expires_in: 31_536_001 })).status).toBe(400);
  // Of another user it is not found.
  expect((await as(server.token, "DELETE", `${path}/${listed?.id}`)).status).toBe(404);
  expect((await as(token, "DELETE", `${path}/${listed?.id}`)).status).toBe(204);
  expect((await as(made.body, "GET", `${V1}/users/me`)).status).toBe(401);
});

test("settings are kept with their revision, for all and for each", async () => {
  for (const path of [`${V1}/settings`, `${V1}/settings/me`]) {
    const none = await as(server.token, "GET", path);
    expect([none.body, none.headers.get("etag")]).toEqual([{}, '"0"']);
    const first = await as(server.token, "POST", path, { columns: ["id"] }, { "if-match": '"0"' });
    expect([first.status, first.headers.get("etag")]).toEqual([201, '"1"']);
    expect((await as(server.token, "POST", path, { columns: [] }, { "if-match": '"0"' })).status).toBe(412);
    expect((await as(server.token, "GET", path)).body).toEqual({ columns: ["id"] });
  }
  const { token } = await newUser("settings");
  expect((await as(token, "GET", `${V1}/settings/me`)).body).toEqual({});
  expect((await as(token, "GET", `${V1}/settings`)).body).toEqual({ columns: ["id"] });
});

test("consoles and set-up tools learn the plan and the tenant's token", async () => {
  expect((await as(server.token, "GET", `${V1}/plans`)).body).toMatchObject([{ name: "enterprise" }]);
  expect((await as(server.token, "GET", `${V1}/plan_binding`)).body).toMatchObject({ plan: { name: "enterprise" } });
  expect((await as(server.token, "GET", "/api/management/v1/tenantadm/user/tenant")).body).toMatchObject({
    id: server.tenant.id,
    tenant_token: server.tenant.token,
  });
});

test("passwords that are easy to guess are refused", async () => {
  for (const password of [
    "password",
    "P4ssw0rd!",
    "12345678",
    "87654321",
    "aaaabbbb",
    "qwertyuiop1",
    "Summer@Example.com",
  ])
    expect(weaknessOf(password, "summer@example.com"), password).toBeTypeOf("string");
  for (const password of ["correct horse battery", "a long enough one", "Xk2#vv9!", "παράθυρο-42"])
    expect(weaknessOf(password, "summer@example.com"), password).toBeUndefined();
  const body = { email: "weak@example.com", password: "passw0rd" };
  expect((await as(server.token, "POST", `${V1}/users`, body)).status).toBe(422);
});

test("guessing is slowed down, and the owner gets in from an address that is known", async () => {
  const { email } = await newUser("guessed");
  const login = (password: string, address: string) =>
    server.server.app.inject({
      ...{ method: "POST", url: `${V1}/auth/login`, remoteAddress: address },
      headers: { authorization: `Basic ${Buffer.from(`${email}:${password}`).toString("base64")}` },
    });
  const owner = "192.0.2.1";
  expect((await login("first secret words", owner)).statusCode).toBe(200);
  const guesser = "192.0.2.66";
  for (let n = 0; n < 5; n += 1) expect((await login("wrong guess", guesser)).statusCode).toBe(401);
  await stopTheClock(5);
  const refused = await login("wrong guess", guesser);
  expect([refused.statusCode, Number(refused.headers["retry-after"]) >= 1]).toEqual([429, true]);
  // The right password is no way around it.
  expect((await login("first secret words", guesser)).statusCode).toBe(429);
  await stopTheClock(1000);
  for (let n = 0; n < 15; n += 1) await login("wrong guess", `198.51.100.${n}`);
  await stopTheClock(20);
  expect((await login("wrong guess", "203.0.113.9")).statusCode).toBe(429);
  expect((await login("first secret words", owner)).statusCode).toBe(200);
});

/** Whoever has failed so often waits until the test ends, however slow the machine is, and others do not wait. */
const stopTheClock = (failures: number): Promise<unknown> =>
  server.server.services.postgres.shared((session) =>
    session.raw(
      `UPDATE login_attempts SET next_at = CASE WHEN failures >= $1 THEN now() + interval '1 hour' ELSE now() END`,
      [failures],
    ),
  );

test("the wait grows with each failure, and strangers never wait long for an account", () => {
  expect([4, 5, 6, 10, 99].map((failures) => loginDelayS("pair", failures))).toEqual([0, 1, 2, 32, 900]);
  expect([19, 20, 99].map((failures) => loginDelayS("account", failures))).toEqual([0, 1, 30]);
  expect([49, 50, 99].map((failures) => loginDelayS("address", failures))).toEqual([0, 1, 300]);
});

test("an unknown user is not found, and the last one cannot be removed", async () => {
  expect((await as(server.token, "PUT", `${V1}/users/${randomUUID()}`, { email: "x@example.com" })).status).toBe(404);
  const all = (await as<{ id: string; email: string }[]>(server.token, "GET", `${V1}/users`)).body;
  for (const { id, email } of all)
    if (email !== "admin@example.com") expect((await as(server.token, "DELETE", `${V1}/users/${id}`)).status).toBe(204);
  const admin = all.find(({ email }) => email === "admin@example.com");
  expect((await as(server.token, "DELETE", `${V1}/users/${admin?.id}`)).status).toBe(422);
});
