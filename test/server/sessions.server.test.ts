import { afterAll, beforeAll, expect, test } from "vitest";
import { addPerson, addRole } from "../support/server/people.ts";
import { query } from "../support/server/seed.ts";
import { logIn, startTestServer, type TestServer } from "../support/server/test-server.ts";

const USERADM = "/api/management/v1/useradm";
const USERS = `${USERADM}/users`;
const OWN = `${USERS}/me/sessions`;
const PASSWORD = "a long enough one";
let server: TestServer;
beforeAll(async () => {
  server = await startTestServer({ trustProxy: ["127.0.0.0/8"] });
});
afterAll(() => server.close());

interface Listed {
  readonly id: string;
  readonly kind: string;
  readonly name?: string;
  readonly current: boolean;
  readonly address?: string;
  readonly last_address?: string;
  readonly issued_at: string;
}

const ask = (token: string, method: string, path: string, body?: unknown, more: Record<string, string> = {}) =>
  server.request(method, path, body, { authorization: `Bearer ${token}`, ...more });
const list = async (token: string, path = OWN): Promise<Listed[]> =>
  (await (await ask(token, "GET", path)).json()) as Listed[];
const statusOf = async (token: string): Promise<number> => (await ask(token, "GET", `${USERS}/me`)).status;
const lastRecord = async (): Promise<unknown> =>
  (
    await query(server, "SELECT actor ->> 'email' AS by, action, object, change FROM audit ORDER BY seq DESC LIMIT 1")
  )[0];

async function newUser(name: string): Promise<{ readonly id: string; readonly email: string; readonly token: string }> {
  const email = `${name}@example.com`;
  const made = await server.request("POST", USERS, { email, password: PASSWORD, roles: [] });
  const id = made.headers.get("location")?.split("/").at(-1) ?? "";
  return { id, email, token: await logIn(server.url, email, PASSWORD) };
}

test("a session says where it was begun, by which program, and where and when it was used last", async () => {
  const { email } = await newUser("traveller");
  const credentials = Buffer.from(`${email}:${PASSWORD}`).toString("base64");
  const before = Date.now() - 1000;
  const answer = await fetch(`${server.url}${USERADM}/auth/login`, {
    method: "POST",
    headers: {
      authorization: `Basic ${credentials}`,
      "x-forwarded-for": "192.0.2.7",
      "user-agent": `A ${"b".repeat(900)}`,
    },
  });
  const token = await answer.text();
  const listed = await ask(token, "GET", OWN, undefined, { "x-forwarded-for": "192.0.2.8" });
  const sessions = (await listed.json()) as Listed[];
  expect(sessions).toHaveLength(2);
  expect(sessions[0]).toMatchObject({
    ...{ kind: "session", current: true, address: "192.0.2.7", user_agent: `A ${"b".repeat(254)}` },
    ...{ last_address: "192.0.2.8", last_used_at: expect.any(String), expires_at: expect.any(String) },
  });
  expect(Date.parse(sessions[0]?.issued_at ?? "")).toBeGreaterThan(before);
  expect(sessions[1]).toMatchObject({ current: false });
});

test("a person ends one session or access token, and then all others, and the one in use stays", async () => {
  const { id, email, token } = await newUser("leaver");
  const tokens = [await logIn(server.url, email, PASSWORD), await logIn(server.url, email, PASSWORD)];
  const pat = await (await ask(token, "POST", `${USERADM}/settings/tokens`, { name: "ci" })).text();
  expect((await list(token)).map(({ kind, name }) => name ?? kind)).toEqual(["ci", "session", "session", "session"]);
  const [newest] = (await list(token)).filter(({ kind, current }) => kind === "session" && !current);
  expect((await ask(token, "DELETE", `${OWN}/${newest?.id}`)).status).toBe(204);
  expect(await lastRecord()).toEqual({
    ...{ by: email, action: "delete", change: "" },
    object: { type: "session", id: newest?.id, user: id, email },
  });
  expect((await ask(token, "DELETE", `${OWN}/${newest?.id}`)).status).toBe(404);
  expect(await Promise.all([...tokens, pat, token].map(statusOf))).toEqual([200, 401, 200, 200]);
  expect((await ask(token, "DELETE", `${OWN}?kind=session`)).status).toBe(204);
  expect(await Promise.all([...tokens, pat, token].map(statusOf))).toEqual([401, 401, 200, 200]);
  expect((await ask(token, "DELETE", OWN)).status).toBe(204);
  expect(await Promise.all([pat, token].map(statusOf))).toEqual([401, 200]);
  expect(await lastRecord()).toMatchObject({ action: "update", change: "sessions and access tokens: 1 ended" });
  // Nothing is left to end, and there is no record of nothing.
  const before = await query(server, "SELECT count(*) AS n FROM audit");
  expect((await ask(token, "DELETE", OWN)).status).toBe(204);
  expect(await query(server, "SELECT count(*) AS n FROM audit")).toEqual(before);
});

test("who manages users sees and ends the sessions of those who may do no more", async () => {
  await addRole(server, "helpdesk", [{ name: "ManageUsers" }]);
  const helper = await addPerson(server, ["helpdesk"]);
  const { id, token } = await newUser("helped");
  const path = `${USERS}/${id}/sessions`;
  const [session] = await list(helper.token, path);
  expect(session).toMatchObject({ kind: "session", current: false });
  expect((await helper.request("DELETE", `${path}/${session?.id}`)).status).toBe(204);
  expect(await statusOf(token)).toBe(401);
  const again = await logIn(server.url, "helped@example.com", PASSWORD);
  expect((await helper.request("DELETE", path)).status).toBe(204);
  expect(await statusOf(again)).toBe(401);
  const admin = (await (await server.request("GET", `${USERS}/me`)).json()) as { id: string };
  const [own] = await list(server.token);
  expect((await helper.request("DELETE", `${USERS}/${admin.id}/sessions/${own?.id}`)).status).toBe(403);
  expect((await helper.request("DELETE", `${USERS}/${admin.id}/sessions`)).status).toBe(403);
  expect(await statusOf(server.token)).toBe(200);
});

test("the session of another is not found among one's own, and that of another tenant nowhere", async () => {
  const [{ id, token }, other] = [await newUser("one"), await newUser("two")];
  const [session] = await list(other.token);
  expect((await ask(token, "DELETE", `${OWN}/${session?.id}`)).status).toBe(404);
  expect((await ask(server.token, "DELETE", `${USERS}/${id}/sessions/${session?.id}`)).status).toBe(404);
  const stranger = await startTestServer();
  try {
    for (const [method, path] of [
      ["GET", `${USERS}/${id}/sessions`],
      ["DELETE", `${USERS}/${id}/sessions`],
      ["DELETE", `${USERS}/${id}/sessions/${session?.id}`],
    ] as const)
      expect((await stranger.request(method, path)).status, `${method} ${path}`).toBe(404);
  } finally {
    await stranger.close();
  }
  expect(await statusOf(other.token)).toBe(200);
});
