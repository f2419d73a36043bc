import { afterAll, beforeAll, expect, test } from "vitest";
import { openStream } from "../../support/server/event-stream.ts";
import { startTestServer, type TestServer } from "../../support/server/test-server.ts";

const SESSION = "/api/management/v1/session";
const ME = "/api/management/v1/useradm/users/me";
const SETTINGS = "/api/management/v1/useradm/settings/me";
const ADMIN = { email: "admin@example.com", password: "correct horse battery" };
const OWN_PAGE = { "sec-fetch-site": "same-origin" };
const JSON_TYPE = { "content-type": "application/json" };

let server: TestServer;
beforeAll(async () => {
  server = await startTestServer();
});
afterAll(() => server.close());

interface Asked {
  readonly body?: unknown;
  readonly headers?: Record<string, string>;
}

const ask = (method: string, path: string, { body, headers = {} }: Asked = {}): Promise<Response> =>
  fetch(`${server.url}${path}`, {
    method,
    headers: { ...(body !== undefined && JSON_TYPE), ...headers },
    ...(body !== undefined && { body: JSON.stringify(body) }),
  });

/** Logs in as a page of the console does. */
async function begin(): Promise<{ readonly cookie: string; readonly secret: string; readonly attributes: string }> {
  const answer = await ask("POST", SESSION, { body: ADMIN, headers: OWN_PAGE });
  expect(answer.status, await answer.clone().text()).toBe(204);
  const [cookie = "", ...attributes] = (answer.headers.get("set-cookie") ?? "").split("; ");
  const { csrf_token: secret } = (await (await ask("GET", SESSION, { headers: { cookie } })).json()) as {
    csrf_token: string;
  };
  return { cookie, secret, attributes: attributes.toSorted().join("; ") };
}

const codeOf = async (answer: Response): Promise<[number, unknown]> => [
  answer.status,
  ((await answer.json()) as { code?: unknown }).code,
];

test("a session is in a cookie that no script, other host or other site gets, and says what its owner may do", async () => {
  const { cookie, attributes } = await begin();
  expect(cookie).toMatch(/^__Host-session=[\w.-]+$/);
  expect(attributes).toBe("HttpOnly; Max-Age=604800; Path=/; SameSite=Lax; Secure");
  const answer = await ask("GET", SESSION, { headers: { cookie } });
  expect(await answer.json()).toMatchObject({
    user: { email: ADMIN.email },
    tenant: { id: server.tenant.id, name: "default" },
    csrf_token: expect.stringMatching(/^[\w-]{43}$/),
    must_set_up: false,
    permissions: { Basic: "all", ManageUsers: "all", ReadDevices: "all" },
  });
  expect(answer.headers.get("cache-control")).toBe("no-store");
  // Programs ask the same with their token, and need no secret.
  const program = (await (await server.request("GET", SESSION)).json()) as object;
  expect(program).not.toHaveProperty("csrf_token");
});

test("what changes something needs the session's secret, and a page of this origin", async () => {
  const { cookie, secret } = await begin();
  const other = await begin();
  const host = new URL(server.url).host;
  const change = (headers: Record<string, string>) =>
    ask("POST", SETTINGS, { body: { theme: "dark" }, headers: { cookie, ...headers } });
  const refused: readonly Record<string, string>[] = [
    {},
    { ...OWN_PAGE },
    { ...OWN_PAGE, "x-csrf-token": "" },
    { ...OWN_PAGE, "x-csrf-token": `${secret.slice(0, -1)}_` },
    { ...OWN_PAGE, "x-csrf-token": other.secret },
    { "x-csrf-token": secret },
    { "x-csrf-token": secret, "sec-fetch-site": "cross-site" },
    { "x-csrf-token": secret, "sec-fetch-site": "same-site" },
    { "x-csrf-token": secret, "sec-fetch-site": "none", origin: `http://${host}` },
    { "x-csrf-token": secret, origin: "null" },
    { "x-csrf-token": secret, origin: `http://${host}.evil.example` },
  ];
  for (const headers of refused)
    expect(await codeOf(await change(headers)), JSON.stringify(headers)).toEqual([403, "FOREIGN_PAGE"]);
  expect(await (await ask("GET", SETTINGS, { headers: { cookie } })).json()).not.toHaveProperty("theme");
  expect((await change({ ...OWN_PAGE, "x-csrf-token": secret })).status).toBe(201);
  // A browser that does not say from which site a request comes.
  expect((await change({ "x-csrf-token": secret, origin: `http://${host}` })).status).toBe(201);
});

test("another site cannot log anybody in", async () => {
  for (const headers of [{}, { "sec-fetch-site": "cross-site" }, { origin: "https://evil.example" }]) {
    const answer = await ask("POST", SESSION, { body: ADMIN, headers: headers as Record<string, string> });
    expect(answer.headers.get("set-cookie")).toBeNull();
    expect(await codeOf(answer)).toEqual([403, "FOREIGN_PAGE"]);
  }
  for (const body of [
    { ...ADMIN, password: "wrong" },
    { ...ADMIN, email: "nobody@example.com" },
    { ...ADMIN, email: "\0" },
  ]) {
    const answer = await ask("POST", SESSION, { body, headers: OWN_PAGE });
    expect(answer.status).toBeGreaterThanOrEqual(400);
    expect(answer.headers.get("set-cookie")).toBeNull();
  }
});

test("a cookie is no token, a token is no cookie, and a request has one of them", async () => {
  const { cookie } = await begin();
  const [, inCookie = ""] = cookie.split("=");
  const me = (headers: Record<string, string>) => ask("GET", ME, { headers });
  expect((await me({ cookie })).status).toBe(200);
  expect((await me({ authorization: `Bearer ${inCookie}` })).status).toBe(401);
  expect((await me({ cookie: `__Host-session=${server.token}` })).status).toBe(401);
  expect(await codeOf(await me({ cookie, authorization: `Bearer ${server.token}` }))).toEqual([400, "REQUEST_INVALID"]);
  // Nobody else can set a cookie by this name only, so one that looks like it is not believed.
  for (const name of ["session", "x__Host-session", "__Host-session2", "__host-session"])
    expect((await me({ cookie: `${name}=${inCookie}` })).status, name).toBe(401);
  // Devices have no cookies.
  const next = "/api/devices/v1/deployments/device/deployments/next";
  expect((await ask("GET", next, { headers: { cookie } })).status).toBe(401);
});

test("a session ends when it is left, revoked or not used for twelve hours, and its stream of events with it", async () => {
  const left = await begin();
  const own = { ...OWN_PAGE, "x-csrf-token": left.secret, cookie: left.cookie };
  const stream = await openStream(`${server.url}/api/management/v1/events`, undefined, { cookie: left.cookie });
  expect(stream.status).toBe(200);
  const answer = await ask("DELETE", SESSION, { headers: own });
  expect([answer.status, answer.headers.get("set-cookie")]).toEqual([
    204,
    "__Host-session=; Max-Age=0; Path=/; HttpOnly; Secure; SameSite=Lax",
  ]);
  expect((await ask("GET", SESSION, { headers: { cookie: left.cookie } })).status).toBe(401);
  await stream.ended;

  const idle = await begin();
  const { postgres } = server.server.services;
  const rest = (hours: number) =>
    postgres.inTenant(server.tenant.id, (session) =>
      session.raw(
        `UPDATE sessions SET created_at = now() - make_interval(hours => $1), last_used_at = now() - make_interval(hours => $1)
          WHERE idle_s IS NOT NULL`,
        [hours],
      ),
    );
  await rest(11);
  expect((await ask("GET", SESSION, { headers: { cookie: idle.cookie } })).status).toBe(200);
  // That was a use.
  expect((await ask("GET", SESSION, { headers: { cookie: idle.cookie } })).status).toBe(200);
  await rest(13);
  expect((await ask("GET", SESSION, { headers: { cookie: idle.cookie } })).status).toBe(401);
  // A program's session does not end so.
  expect((await server.request("GET", ME)).status).toBe(200);
});
