import { afterAll, beforeAll, expect, test } from "vitest";
import { logIn, startTestServer, type TestServer } from "../support/server/test-server.ts";

const USERS = "/api/management/v1/useradm/users";
let server: TestServer;
beforeAll(async () => {
  server = await startTestServer();
});
afterAll(() => server.close());

test("an administrator adds a user, who logs in and sees both", async () => {
  const added = await server.request("POST", USERS, { email: "Second@Example.com", password: "a long enough one" });
  expect([added.status, await added.text()]).toEqual([201, ""]);
  expect(added.headers.get("location")).toMatch(/^\/api\/management\/v1\/useradm\/users\/[0-9a-f-]{36}$/);
  const token = await logIn(server.url, "second@example.com", "a long enough one");
  const listed = await fetch(`${server.url}${USERS}`, { headers: { authorization: `Bearer ${token}` } });
  expect(((await listed.json()) as { email: string }[]).map(({ email }) => email)).toEqual([
    "admin@example.com",
    "second@example.com",
  ]);
});

test("the audit log has the act, and no password", async () => {
  const [record] = await server.server.services.postgres.inTenant(server.tenant.id, (session) =>
    session.raw("SELECT actor, action, object FROM audit WHERE action <> 'login' ORDER BY seq DESC LIMIT 1"),
  );
  expect(record).toMatchObject({
    actor: { type: "user", email: "admin@example.com" },
    action: "create",
    object: { type: "user", email: "second@example.com" },
  });
});

test("a second user with the same address is refused, and the first one stays", async () => {
  const again = await server.request("POST", USERS, { email: "second@example.com", password: "a long enough one" });
  expect([again.status, await again.json()]).toEqual([
    422,
    {
      error: "The request is valid, but cannot be done. (reason: a user with this email address exists)",
      code: "NOT_POSSIBLE",
      request_id: again.headers.get("x-men-requestid"),
    },
  ]);
});

for (const [title, authorization] of [
  ["no token", undefined],
  ["a token that nobody signed", "Bearer eyJhbGciOiJub25lIn0.e30."],
  ["another scheme", "Basic YWRtaW46YWRtaW4="],
] as const)
  test(`${title} is refused`, async () => {
    const answer = await fetch(`${server.url}${USERS}`, {
      headers: authorization === undefined ? {} : { authorization },
    });
    expect([answer.status, ((await answer.json()) as { code: string }).code]).toEqual([401, "UNAUTHORIZED"]);
  });

test("a wrong password and an unknown address are refused alike", async () => {
  for (const email of ["admin@example.com", "nobody@example.com"])
    await expect(logIn(server.url, email, "wrong horse battery")).rejects.toThrow('401 {"error":"The email address or');
});
