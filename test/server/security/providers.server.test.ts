import { generateKeyPairSync } from "node:crypto";
import { SignJWT } from "jose";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { hashPassword } from "../../../server/adapters/passwords/passwords.ts";
import { addTenant, addUser } from "../../../server/adapters/postgres/people.ts";
import { Browser } from "../../support/server/browser.ts";
import { addPerson } from "../../support/server/people.ts";
import { startRogueProvider, type Whims } from "../../support/server/rogue-provider.ts";
import { query } from "../../support/server/seed.ts";
import { logIn, startTestServer, type TestServer } from "../../support/server/test-server.ts";

const USERADM = "/api/management/v1/useradm";
const METADATA = `${USERADM}/sso/idp/metadata`;
let server: TestServer;
let rogue: Awaited<ReturnType<typeof startRogueProvider>>;
let id: string;

beforeAll(async () => {
  server = await startTestServer({ webhookAllow: ["127.0.0.1"] });
  rogue = await startRogueProvider();
});
beforeEach(async () => {
  rogue.shared.whims = {};
  const answer = await create({});
  expect(answer.status, await answer.text()).toBe(201);
  id = idOf(answer);
});
afterAll(async () => {
  await server.close();
  await rogue.close();
});

const idOf = (answer: Response) => answer.headers.get("location")?.split("/").at(-1) ?? "";
async function create(settings: object, ask = server.request): Promise<Response> {
  for (const { id: present } of (await (await ask("GET", METADATA)).json()) as { id: string }[])
    await ask("DELETE", `${METADATA}/${present}`);
  return ask("POST", METADATA, {
    name: "Rogue",
    settings: {
      ...{ issuer: rogue.shared.issuer, client_id: "switchback", client_secret: "s", create_users: true },
      ...{ role_mapping: [{ group: "all", roles: [] }], ...settings },
    },
  });
}

const pathOf = (provider: string, step: string) => `${server.url}${USERADM}/oidc/${provider}/${step}`;
async function begin(provider = id, browser = new Browser()) {
  const answer = await browser.open(pathOf(provider, "start"));
  expect(answer.status, await answer.clone().text()).toBe(303);
  return { browser, url: rogue.comeBack(answer.headers.get("location") ?? "") };
}
async function outcome(answer: Response): Promise<readonly unknown[]> {
  return answer.status === 303 ? [303] : [answer.status, ((await answer.json()) as { code: string }).code];
}
async function signInWith(whims: Whims): Promise<readonly unknown[]> {
  const { browser, url } = await begin();
  rogue.shared.whims = whims;
  return outcome(await browser.open(url));
}

const now = () => Math.floor(Date.now() / 1000);
const stranger = generateKeyPairSync("rsa", { modulusLength: 2048 }).privateKey;

test("the request has PKCE, state and nonce, and the code is exchanged with the verifier of the challenge", async () => {
  const browser = new Browser();
  const answer = await browser.open(pathOf(id, "start"));
  const location = new URL(answer.headers.get("location") ?? "");
  const asked = Object.fromEntries(location.searchParams);
  expect(asked).toMatchObject({
    ...{ response_type: "code", client_id: "switchback", scope: "openid email profile" },
    ...{ code_challenge_method: "S256", code_challenge: expect.stringMatching(/^[\w-]{43}$/) },
    ...{ state: expect.stringMatching(/^[\w-]{43}$/), nonce: expect.stringMatching(/^[\w-]{43}$/) },
    redirect_uri: pathOf(id, "callback"),
  });
  expect(answer.headers.getSetCookie()).toEqual([
    expect.stringMatching(/^switchback-sign-in=[\w-]{43}; Path=\/; Max-Age=600; HttpOnly; SameSite=Lax$/),
  ]);
  rogue.shared.tokenRequests.length = 0;
  expect(await outcome(await browser.open(rogue.comeBack(location.href)))).toEqual([303]);
  const verifier = rogue.shared.tokenRequests[0]?.get("code_verifier") ?? "";
  const digest = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(verifier));
  expect(Buffer.from(digest).toString("base64url")).toBe(asked["code_challenge"]);
});

test("with TLS, cookies belong to this host alone and are never sent without it", async () => {
  const proxied = await startTestServer({ webhookAllow: ["127.0.0.1"], publicUrl: "https://ota.example.com" });
  try {
    const made = idOf(await create({}, proxied.request));
    const answer = await fetch(`${proxied.url}${USERADM}/oidc/${made}/start`, { redirect: "manual" });
    expect(answer.headers.getSetCookie()).toEqual([
      expect.stringMatching(
        /^__Host-switchback-sign-in=[\w-]{43}; Path=\/; Max-Age=600; HttpOnly; SameSite=Lax; Secure$/,
      ),
    ]);
    expect(new URL(answer.headers.get("location") ?? "").searchParams.get("redirect_uri")).toBe(
      `https://ota.example.com${USERADM}/oidc/${made}/callback`,
    );
  } finally {
    await proxied.close();
  }
});

const WRONG: readonly (readonly [title: string, whims: () => Whims])[] = [
  ["another nonce", () => ({ claims: { nonce: "another" } })],
  ["no nonce", () => ({ claims: { nonce: undefined } })],
  ["another audience", () => ({ claims: { aud: "another-client" } })],
  ["several audiences and another authorized party", () => ({ claims: { aud: ["switchback", "b"], azp: "b" } })],
  ["another issuer", () => ({ claims: { iss: "https://issuer.example" } })],
  ["a time that is over", () => ({ claims: { iat: now() - 900, exp: now() - 120 } })],
  ["no end", () => ({ claims: { exp: undefined } })],
  ["no subject", () => ({ claims: { sub: undefined } })],
  ["no signature", () => ({ token: unsigned })],
  ["the signature of a stranger", () => ({ token: (claims) => signed(claims, { kid: "k1" }) })],
  ["a key that the provider does not have", () => ({ token: (claims) => signed(claims, { kid: "k2" }) })],
  ["the client's secret as its key", () => ({ token: hmac })],
];
const unsigned = (claims: object): string =>
  `${[{ alg: "none" }, claims].map((part) => Buffer.from(JSON.stringify(part)).toString("base64url")).join(".")}.`;
const signed = (claims: object, header: object): Promise<string> =>
  new SignJWT({ ...claims }).setProtectedHeader({ alg: "RS256", ...header }).sign(stranger);
const hmac = (claims: object): Promise<string> =>
  new SignJWT({ ...claims }).setProtectedHeader({ alg: "HS256" }).sign(new TextEncoder().encode("s".repeat(32)));

for (const [title, whims] of WRONG)
  test(`an ID token with ${title} lets nobody in`, async () => {
    expect(await signInWith(whims())).toEqual([424, "PROVIDER_INVALID"]);
    expect(await query(server, "SELECT FROM handovers")).toEqual([]);
  });

for (const ahead of [40, -340])
  test(`a clock that differs by 40 seconds keeps nobody out: a token of ${ahead} to ${ahead + 300} seconds from now`, async () => {
    expect(await signInWith({ claims: { iat: now() + ahead, exp: now() + ahead + 300 } })).toEqual([303]);
    await query(server, "DELETE FROM handovers");
  });

test("a provider that calls itself otherwise than the tenant does is not used", async () => {
  rogue.shared.whims = { metadata: { issuer: "https://issuer.example" } };
  const fresh = await startTestServer({ webhookAllow: ["127.0.0.1"] });
  try {
    const made = idOf(await create({}, fresh.request));
    const answer = await fetch(`${fresh.url}${USERADM}/oidc/${made}/start`, { redirect: "manual" });
    expect(await outcome(answer)).toEqual([424, "PROVIDER_INVALID"]);
  } finally {
    await fresh.close();
  }
});

test("the server calls no private address for a tenant, neither as the issuer nor as what the issuer names", async () => {
  for (const issuer of [
    ...["http://169.254.169.254", "https://10.0.0.1", "https://[::1]/", "http://127.0.0.2:80", "file:///etc/passwd"],
    ...["http://issuer.example", "https://user:pass@issuer.example", "https://issuer.example/?a=b"],
    "https://issuer.example/.well-known/openid-configuration",
  ]) {
    const answer = await create({ issuer });
    expect([issuer, ...(await outcome(answer))]).toEqual([issuer, 400, "REQUEST_INVALID"]);
  }
  // A name that leads to this machine, by another address than the one that is allowed.
  const named = idOf(await create({ issuer: "https://localhost:1" }));
  const isPrivate = await fetch(pathOf(named, "start"), { redirect: "manual" });
  expect(await outcome(isPrivate)).toEqual([424, "PROVIDER_AWAY"]);
  for (const name of ["token_endpoint", "jwks_uri"]) {
    const issuer = `${rogue.shared.issuer}/`;
    rogue.shared.whims = { metadata: { issuer, [name]: "http://169.254.169.254/secret" }, claims: { iss: issuer } };
    const fresh = await startTestServer({ webhookAllow: ["127.0.0.1"] });
    try {
      const made = idOf(await create({ issuer }, fresh.request));
      const browser = new Browser();
      const begun = await browser.open(`${fresh.url}${USERADM}/oidc/${made}/start`);
      const answer = await browser.open(rogue.comeBack(begun.headers.get("location") ?? ""));
      expect([name, ...(await outcome(answer))]).toEqual([name, 424, "PROVIDER_AWAY"]);
    } finally {
      await fresh.close();
    }
  }
});

test("a provider of another tenant cannot be seen, changed or used for this one", async () => {
  const { postgres } = server.server.services;
  const other = await postgres.shared((session) => addTenant(session, "other"));
  const hash = await hashPassword("correct horse battery");
  await postgres.inTenant(other.id, (session) => addUser(session, other.id, "other@example.com", hash));
  const token = await logIn(server.url, "other@example.com", "correct horse battery");
  const asOther: TestServer["request"] = (method, path, body) =>
    server.request(method, path, body, { authorization: `Bearer ${token}` });
  expect(await (await asOther("GET", METADATA)).json()).toEqual([]);
  const theirs = idOf(await create({}, asOther));
  for (const method of ["GET", "DELETE"]) expect((await asOther(method, `${METADATA}/${id}`)).status, method).toBe(404);
  const body = { name: "Mine", settings: { issuer: "https://a.example", client_id: "c", default_roles: [] } };
  expect((await asOther("PUT", `${METADATA}/${id}`, body)).status).toBe(404);
  // What one provider answers is no answer of the other, and who is somebody there is nobody here.
  const browser = new Browser();
  const { url } = await begin(theirs, browser);
  const swapped = url.replace(theirs, id);
  expect(await outcome(await browser.open(swapped))).toEqual([400, "SIGN_IN_INVALID"]);
  await query(server, "DELETE FROM logins WHERE email = 'someone@example.com'");
  const again = await begin(theirs);
  rogue.shared.whims = { claims: { email: "else@example.com" } };
  expect(await outcome(await again.browser.open(again.url))).toEqual([303]);
  const rows = await query(server, "SELECT tenant_id FROM logins WHERE email = 'else@example.com'");
  expect(rows).toEqual([{ tenant_id: other.id }]);
});

test("only who may do everything changes providers, and nobody reads their secrets", async () => {
  const manager = await addPerson(server, []);
  await server.request("POST", "/api/management/v2/useradm/roles", {
    ...{ name: "people", permission_sets_with_scope: [{ name: "ManageUsers" }] },
  });
  await query(server, "UPDATE users SET roles = '{people}' WHERE id = $1", manager.id);
  const shown = await manager.request("GET", `${METADATA}/${id}`);
  expect(await shown.json()).toMatchObject({ settings: { client_secret: "<omitted>" } });
  const body = { name: "Mine", settings: { issuer: "https://a.example", client_id: "c", default_roles: [] } };
  expect((await manager.request("POST", METADATA, body)).status).toBe(403);
  expect((await manager.request("PUT", `${METADATA}/${id}`, body)).status).toBe(403);
  expect((await manager.request("DELETE", `${METADATA}/${id}`)).status).toBe(403);
  // The secret stays if a change has what was shown, or nothing.
  for (const secret of [{ client_secret: "<omitted>" }, {}]) {
    const same = { issuer: rogue.shared.issuer, client_id: "switchback", default_roles: [], ...secret };
    expect((await server.request("PUT", `${METADATA}/${id}`, { name: "Rogue", settings: same })).status).toBe(204);
    const [row] = await query<{ client_secret: string }>(server, "SELECT client_secret FROM identity_providers");
    expect(row?.client_secret).toBe("s");
  }
  const audit = await query(server, "SELECT difference FROM audit WHERE object->>'type' = 'identity_provider'");
  expect(JSON.stringify(audit)).not.toContain('"s"');
});

test("a configuration that lets nobody in, gives a role that is not there or is there already is refused", async () => {
  const settings = (more: object) => ({ issuer: rogue.shared.issuer, client_id: "c", role_mapping: [], ...more });
  const post = async (name: string, more: object) =>
    outcome(await server.request("POST", METADATA, { name, settings: settings(more) }));
  expect(await post("a", {})).toEqual([400, "REQUEST_INVALID"]);
  expect(await post("a", { role_mapping: [{ group: "g", roles: ["gone"] }] })).toEqual([422, "NOT_POSSIBLE"]);
  expect(await post("a", { default_roles: [] })).toEqual([409, "CONFLICT"]);
  expect(await post("Rogue", { issuer: "https://b.example", default_roles: [] })).toEqual([409, "CONFLICT"]);
  await server.request("POST", "/api/management/v2/useradm/roles", {
    ...{ name: "given", permission_sets_with_scope: [{ name: "Basic" }] },
  });
  await server.request("PUT", `${METADATA}/${id}`, {
    name: "Rogue",
    settings: settings({ role_mapping: [{ group: "g", roles: ["given"] }] }),
  });
  expect((await server.request("DELETE", "/api/management/v2/useradm/roles/given")).status).toBe(409);
});
