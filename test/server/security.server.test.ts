import { createHmac, generateKeyPairSync, randomUUID } from "node:crypto";
import { SignJWT } from "jose";
import { afterAll, beforeAll, expect, test } from "vitest";
import { hashPassword } from "../../server/adapters/passwords/passwords.ts";
import { addTenant, addUser } from "../../server/adapters/postgres/people.ts";
import { endsSession } from "../support/server/api-routes.ts";
import { bodyOf } from "../support/server/event-stream.ts";
import { makeDevice } from "../support/server/test-devices.ts";
import { logIn, startTestServer, type TestServer } from "../support/server/test-server.ts";

interface Route {
  readonly method: string;
  readonly path: string;
}

/** Whoever has a signed link needs no token. */
const OPEN = [
  "GET /api/management/v1/useradm/oidc/{id}/callback",
  "GET /api/management/v1/useradm/oidc/{id}/start",
  "POST /api/management/v1/session",
  "POST /api/management/v1/useradm/auth/login",
  "POST /api/management/v1/useradm/auth/password-reset/complete",
  "POST /api/management/v1/useradm/auth/password-reset/start",
  "POST /api/management/v1/useradm/oidc/session",
  "PUT /api/management/v1/deployments/artifacts/directupload/{id}/content",
];
let server: TestServer;
/** All routes of people, as the API describes itself: a new one is tried by itself. */
let routes: readonly Route[];
let open: readonly string[];
/** The token of a person of another tenant. */
let stranger: string;
let device: string;
let set: string;
let user: string;

beforeAll(async () => {
  server = await startTestServer();
  const document = server.server.app.swagger() as { paths: Record<string, Record<string, { security?: unknown }>> };
  const all = Object.entries(document.paths)
    .filter(([path]) => path.startsWith("/api/management/"))
    .flatMap(([path, methods]) =>
      Object.entries(methods).map(([method, { security }]) => ({ method: method.toUpperCase(), path, security })),
    );
  open = all.filter(({ security }) => security === undefined).map(({ method, path }) => `${method} ${path}`);
  routes = all.filter(({ security }) => security !== undefined);
  ({ device, set } = await makeDevice(server));
  await server.request("PATCH", "/api/management/v1/inventory/groups/lab/devices", [device]);
  const [me] = (await (await server.request("GET", "/api/management/v1/useradm/users")).json()) as { id: string }[];
  user = me?.id ?? "";
  const { postgres } = server.server.services;
  const other = await postgres.shared((session) => addTenant(session, "other"));
  const hash = await hashPassword("correct horse battery");
  await postgres.inTenant(other.id, (session) => addUser(session, other.id, "stranger@example.com", hash));
  stranger = await logIn(server.url, "stranger@example.com", "correct horse battery");
});
afterAll(() => server.close());

/** Names and ids of the first tenant in the places of a path. */
const filled = ({ path }: Route): string =>
  path
    .replace("/users/{id}", `/users/${user}`)
    .replace("{aid}", set)
    .replace("{name}", "lab")
    .replaceAll(/\{\w+\}/g, device);

/** Bodies that the routes would take. Others get an empty object. */
const BODIES: Readonly<Record<string, unknown>> = {
  "PUT /api/management/v2/devauth/devices/{id}/auth/{aid}/status": { status: "rejected" },
  "PUT /api/management/v1/inventory/devices/{id}/group": { group: "stolen" },
  "PUT /api/management/v1/inventory/devices/{id}/tags": [{ name: "a", value: "b" }],
  "PATCH /api/management/v1/inventory/devices/{id}/tags": [{ name: "a", value: "b" }],
  "PUT /api/management/v1/useradm/users/{id}": { password: "stolen secret words" },
};

async function send({ method, path }: Route, target: string, token: string | undefined): Promise<Response> {
  const body = method === "GET" || method === "HEAD" ? undefined : (BODIES[`${method} ${path}`] ?? {});
  return fetch(`${server.url}${target}`, {
    method,
    headers: {
      ...(token !== undefined && { authorization: `Bearer ${token}` }),
      ...(body !== undefined && { "content-type": "application/json" }),
    },
    ...(body !== undefined && { body: JSON.stringify(body) }),
  });
}

const part = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString("base64url");

test("no route answers without a token that is valid for a person", async () => {
  expect(open.toSorted()).toEqual(OPEN);
  expect(routes.length).toBeGreaterThan(40);
  const { tokens } = server.server.services;
  const [head = "", claims = "", signature = ""] = server.token.split(".");
  const known = JSON.parse(Buffer.from(claims, "base64url").toString()) as { jti: string; sub: string };
  const own = { jti: known.jti, sub: known.sub, tenant: server.tenant.id, kind: "user" } as const;
  const revoked = await logIn(server.url, "admin@example.com", "correct horse battery");
  await server.request("POST", "/api/management/v1/useradm/auth/logout", undefined, {
    authorization: `Bearer ${revoked}`,
  });
  const foreign = generateKeyPairSync("ed25519").privateKey;
  const [, strangerClaims = "", strangerSignature = ""] = stranger.split(".");
  const attempts: Readonly<Record<string, string | undefined>> = {
    "no token": undefined,
    "an expired token": await tokens.sign(own, -60),
    "a revoked token": revoked,
    "a token of a device": await tokens.sign({ jti: set, sub: device, tenant: server.tenant.id, kind: "device" }, 60),
    "a token of a device with a person's session": await tokens.sign({ ...own, kind: "device" }, 60),
    "the token in a cookie of the console": await tokens.sign({ ...own, kind: "console" }, 60),
    "a session of another user": await tokens.sign({ ...own, sub: randomUUID() }, 60),
    "a session in another tenant": await tokens.sign({ ...own, tenant: randomUUID() }, 60),
    "algorithm none": `${part({ alg: "none", typ: "JWT" })}.${claims}.`,
    "HMAC with something public": (() => {
      const text = `${part({ alg: "HS256", typ: "JWT" })}.${claims}`;
      return `${text}.${createHmac("sha256", "key").update(text).digest("base64url")}`;
    })(),
    "another key": await new SignJWT(JSON.parse(Buffer.from(claims, "base64url").toString()))
      .setProtectedHeader({ alg: "EdDSA" })
      .sign(foreign),
    "claims that were changed": `${head}.${strangerClaims}.${signature}`,
    "a signature of another token": `${head}.${claims}.${strangerSignature}`,
    "no token at all": "x",
  };
  for (const [title, token] of Object.entries(attempts))
    for (const route of routes) {
      const { status } = await send(route, filled(route), token);
      expect(status, `${title}: ${route.method} ${route.path}`).toBe(401);
    }
});

test("a person of another tenant neither sees nor changes what belongs to the first", async () => {
  const state = () =>
    server.server.services.postgres.inTenant(server.tenant.id, (session) =>
      session.raw(
        `SELECT (SELECT jsonb_agg(d ORDER BY id) FROM devices d) AS devices, (SELECT jsonb_agg(s ORDER BY id) FROM auth_sets s) AS sets,
          (SELECT jsonb_agg(i) FROM inventory i JOIN devices d ON d.id = i.device_id) AS inventory,
          (SELECT jsonb_agg(u ORDER BY id) FROM users u) AS users, (SELECT count(*) FROM audit) AS audit`,
      ),
    );
  const before = await state();
  // The audit log first: afterwards it has what the stranger named.
  const inOrder = routes.filter((route) => !endsSession(route));
  inOrder.sort((a, b) => Number(b.path.includes("auditlogs")) - Number(a.path.includes("auditlogs")));
  for (const route of inOrder) {
    const answer = await send(route, filled(route), stranger);
    const text = await bodyOf(answer);
    const title = `${route.method} ${route.path}: ${answer.status}`;
    expect(answer.status, title).toBeLessThan(500);
    for (const secret of [device, set, user, server.tenant.token, "admin@example.com"])
      if (answer.status < 300) expect(text.includes(secret), `${title} shows ${secret}`).toBe(false);
    // Whoever may not know that a thing is there hears the same as if it were not.
    if (!/\{(?:id|aid)\}/.test(route.path)) continue;
    const unknown = filled(route).replaceAll(/[0-9a-f]{8}-[0-9a-f-]{27}/g, () => randomUUID());
    expect(answer.status, title).toBe((await send(route, unknown, stranger)).status);
  }
  expect(await state()).toEqual(before);
});

const HOSTILE = [
  ...[
    "' OR 1=1 --",
    "'; DROP TABLE devices; --",
    '"',
    "\\",
    "%00",
    "%",
    "$1",
    "{}",
    "../../etc/passwd",
    "\u202e",
    "\r\nX-Evil: 1",
  ],
  ...[["$", "{7*7}"].join(""), "a".repeat(5000), "\ud83d", "-1", "NaN", "1e999", "[]", "__proto__", "constructor"],
];

test("what is hostile in paths, queries and filters is no fault of the server, and changes nothing", async () => {
  for (const text of HOSTILE) {
    const encoded = encodeURIComponent(/\p{Cs}/u.test(text) ? "\ufffd" : text);
    for (const route of routes.filter(({ method }) => method === "GET")) {
      const target = `${route.path.replaceAll(/\{\w+\}/g, encoded)}?page=${encoded}&sort=${encoded}&status=${encoded}&${encoded}=${encoded}`;
      expect((await send(route, target, server.token)).status, `${route.path} ${text}`).toBeLessThan(500);
    }
    for (const type of ["$eq", "$gt", "$regex", "$in", text])
      for (const scope of ["inventory", "tags", "system", text]) {
        const filter = { scope, attribute: text, type, value: type === "$in" ? [text] : text };
        const { status } = await server.request("POST", "/api/management/v2/inventory/filters/search", {
          filters: [filter],
          sort: [{ scope, attribute: text }],
          text: text.slice(0, 256),
        });
        expect(status, `${scope} ${type} ${text}`).toBeLessThan(500);
      }
  }
  expect((await server.request("GET", `/api/management/v2/devauth/devices/${device}`)).status).toBe(200);
});

test("bodies that are too large, too deep or not JSON are refused", async () => {
  const deep = `${'{"a":'.repeat(20_000)}1${"}".repeat(20_000)}`;
  for (const route of routes.filter(({ method }) => method !== "GET"))
    for (const [title, body] of [
      ["deep", deep],
      ["no JSON", "{"],
      ["prototype", '{"__proto__": {"admin": true}}'],
      ["a list", "[[[]]]"],
      ["a number", "1e999"],
    ] as const) {
      const answer = await fetch(`${server.url}${route.path.replaceAll(/\{\w+\}/g, randomUUID())}`, {
        ...{ method: route.method, body },
        headers: { authorization: `Bearer ${stranger}`, "content-type": "application/json" },
      });
      expect(answer.status, `${title}: ${route.method} ${route.path}`).toBeLessThan(500);
      // The session may have ended, because one of the routes is the logout.
      if (answer.status < 300 && endsSession(route))
        stranger = await logIn(server.url, "stranger@example.com", "correct horse battery");
    }
  const large = await server.request("POST", "/api/management/v1/useradm/settings", { a: "x".repeat(1024 * 1024) });
  expect(large.status).toBe(413);
});
