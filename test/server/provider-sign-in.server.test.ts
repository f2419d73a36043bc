import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { Browser } from "../support/server/browser.ts";
import { CLIENT, startIdentityProvider, type TestProvider } from "../support/server/identity-provider.ts";
import { addPerson, addRole } from "../support/server/people.ts";
import { query } from "../support/server/seed.ts";
import { startTestServer, type TestServer } from "../support/server/test-server.ts";

const USERADM = "/api/management/v1/useradm";
const METADATA = `${USERADM}/sso/idp/metadata`;
const ADMINISTRATOR = "RBAC_ROLE_PERMIT_ALL";
let server: TestServer;
let provider: TestProvider;
let id: string;
/** What the server knows of the provider, besides how to reach it. */
const RULES = {
  scopes: ["email", "groups"],
  role_mapping: [
    { group: "ota-observers", roles: ["RBAC_ROLE_OBSERVER"] },
    { group: "ota-builders", roles: ["builders", "RBAC_ROLE_CI"] },
  ],
  create_users: true,
};

beforeAll(async () => {
  server = await startTestServer({ webhookAllow: ["127.0.0.1"] });
  provider = await startIdentityProvider();
  await addRole(server, "builders", [{ name: "ReadDevices" }]);
  const answer = await server.request("POST", METADATA, body(RULES));
  expect(answer.status, await answer.text()).toBe(201);
  id = answer.headers.get("location")?.split("/").at(-1) ?? "";
  provider.register(callbackUrl());
});
beforeEach(async () => {
  provider.instead = undefined;
  provider.person = undefined;
  await change(RULES);
});
afterAll(async () => {
  await server.close();
  await provider.close();
});

const body = (rules: object) => ({ name: "Works", settings: { issuer: provider.issuer, ...CLIENT, ...rules } });
const change = async (rules: object) =>
  expect((await server.request("PUT", `${METADATA}/${id}`, body(rules))).status).toBe(204);
const startUrl = (search = "") => `${server.url}${USERADM}/oidc/${id}/start${search}`;
const callbackUrl = () => `${server.url}${USERADM}/oidc/${id}/callback`;
const sessionUrl = () => `${server.url}${USERADM}/oidc/session`;
const codeOf = async (answer: Response) => [answer.status, ((await answer.json()) as { code: string }).code];

/** Signs in as far as the answer of the provider, which the server has not seen yet. */
async function comeBack(person: string | undefined, browser = new Browser(), search = "") {
  provider.person = person;
  return { browser, url: await browser.follow(startUrl(search), callbackUrl()) };
}

async function answerTo(person: string | undefined): Promise<Response> {
  const { browser, url } = await comeBack(person);
  return browser.open(url);
}

async function signIn(person: string): Promise<string> {
  const { browser, url } = await comeBack(person);
  const answer = await browser.open(url);
  expect(answer.status, await answer.text()).toBe(303);
  expect(answer.headers.get("location")).toBe("/");
  const got = await browser.open(sessionUrl(), { method: "POST" });
  expect(got.status).toBe(200);
  return got.text();
}

const ask = (token: string, path: string) =>
  fetch(`${server.url}${path}`, { headers: { authorization: `Bearer ${token}` } });
const me = async (token: string) =>
  (await (await ask(token, `${USERADM}/users/me`)).json()) as { id: string; email: string; roles: string[] };
const audit = (user: string) =>
  query<{ action: string; change: string; difference: object; actor: { type: string } }>(
    server,
    "SELECT action, change, difference, actor FROM audit WHERE object->>'id' = $1 ORDER BY seq",
    user,
  );

test("a person of a mapped group gets a user with the roles of the group, a session of the list, and nothing more", async () => {
  provider.accounts.set("ada", { email: "Ada@Example.com", email_verified: true, groups: ["ota-builders", "others"] });
  const token = await signIn("ada");
  const { id: user, ...shown } = await me(token);
  expect(shown).toMatchObject({ email: "ada@example.com", roles: ["RBAC_ROLE_CI", "builders"] });
  expect((await ask(token, "/api/management/v2/devauth/devices")).status).toBe(200);
  expect(await codeOf(await ask(token, `${USERADM}/users`))).toEqual([403, "FORBIDDEN"]);
  const sessions = (await (await server.request("GET", `${USERADM}/users/${user}/sessions`)).json()) as object[];
  expect(sessions).toMatchObject([{ kind: "session", provider: id, address: "127.0.0.1" }]);
  const [session] = sessions as { issued_at: string; expires_at: string }[];
  const hours = (Date.parse(session?.expires_at ?? "") - Date.parse(session?.issued_at ?? "")) / 3_600_000;
  expect(hours).toBeCloseTo(12, 1);
  expect(await audit(user)).toMatchObject([
    { action: "create", change: `linked to ${provider.issuer} ada`, actor: { type: "identity_provider", id } },
  ]);
  // A second sign-in is the same person, and changes nothing.
  expect((await me(await signIn("ada"))).id).toBe(user);
  expect(await audit(user)).toHaveLength(1);
});

test("roles are those of the groups at each sign-in, also after somebody here has changed them", async () => {
  provider.accounts.set("bob", { email: "bob@example.com", groups: ["ota-observers", "ota-builders"] });
  const { id: user, roles } = await me(await signIn("bob"));
  expect(roles).toEqual(["RBAC_ROLE_CI", "RBAC_ROLE_OBSERVER", "builders"]);
  provider.accounts.set("bob", { email: "bob@example.com", groups: ["ota-observers"] });
  const token = await signIn("bob");
  expect((await me(token)).roles).toEqual(["RBAC_ROLE_OBSERVER"]);
  await server.request("PUT", `${USERADM}/users/${user}`, { roles: [ADMINISTRATOR] });
  expect((await me(token)).roles).toEqual([ADMINISTRATOR]);
  expect((await me(await signIn("bob"))).roles).toEqual(["RBAC_ROLE_OBSERVER"]);
  expect((await audit(user)).map(({ action, change: said }) => `${action} ${said}`)).toEqual([
    `create linked to ${provider.issuer} bob`,
    "update roles of the groups",
    "update ",
    "update roles of the groups",
  ]);
});

test("who is in no mapped group is refused with their groups, and gets no user; a default role lets them in", async () => {
  provider.accounts.set("eve", { email: "eve@example.com", groups: ["sales", "canteen"] });
  const answer = await answerTo("eve");
  const { code, error } = (await answer.json()) as { code: string; error: string };
  expect([answer.status, code]).toEqual([403, "SIGN_IN_REFUSED"]);
  expect(error).toContain("sales, canteen");
  expect(await query(server, "SELECT FROM users WHERE email = 'eve@example.com'")).toEqual([]);
  await change({ ...RULES, default_roles: [] });
  expect((await me(await signIn("eve"))).roles).toEqual([]);
  // Without it again, also one who has a user here.
  await change(RULES);
  expect(await codeOf(await answerTo("eve"))).toEqual([403, "SIGN_IN_REFUSED"]);
});

test("unknown people are made users only where the tenant says so", async () => {
  provider.accounts.set("new", { email: "new@example.com", groups: ["ota-observers"] });
  await change({ ...RULES, create_users: false });
  expect(await codeOf(await answerTo("new"))).toEqual([403, "SIGN_IN_REFUSED"]);
  provider.accounts.set("new", { email: "new@example.com", email_verified: false, groups: ["ota-observers"] });
  await change(RULES);
  expect(await codeOf(await answerTo("new"))).toEqual([403, "SIGN_IN_REFUSED"]);
});

test("with domains, only verified addresses of these domains may sign in", async () => {
  await change({ ...RULES, email_domains: ["Works.example"] });
  const groups = ["ota-observers"];
  for (const [email, email_verified] of [
    ["a@other.example", true],
    ["a@works.example", false],
    ["a@works.example", undefined],
    ["a@works.example.evil.example", true],
  ] as const) {
    provider.accounts.set("dom", { email, groups, ...(email_verified !== undefined && { email_verified }) });
    expect(await codeOf(await answerTo("dom")), `${email} ${email_verified}`).toEqual([403, "SIGN_IN_REFUSED"]);
  }
  provider.accounts.set("dom", { email: "a@works.example", email_verified: true, groups });
  expect((await me(await signIn("dom"))).email).toBe("a@works.example");
});

test("an address alone makes nobody a user that is there: it takes the tenant's word and the provider's", async () => {
  const victim = await addPerson(server, ["RBAC_ROLE_CI"]);
  const { email } = await me(victim.token);
  const groups = ["ota-observers"];
  provider.accounts.set("thief", { email, email_verified: true, groups });
  expect(await codeOf(await answerTo("thief"))).toEqual([403, "SIGN_IN_REFUSED"]);
  await change({ ...RULES, link_by_email: true });
  for (const unverified of [{ email_verified: false }, {}]) {
    provider.accounts.set("thief", { email, groups, ...unverified });
    expect(await codeOf(await answerTo("thief"))).toEqual([403, "SIGN_IN_REFUSED"]);
  }
  provider.accounts.set("owner", { email, email_verified: true, groups });
  expect((await me(await signIn("owner"))).id).toBe(victim.id);
  expect((await audit(victim.id)).map(({ action, change: said }) => `${action} ${said}`)).toEqual([
    `update linked to ${provider.issuer} owner`,
    "update roles of the groups",
  ]);
  // The address is taken: another subject of the same provider is another person.
  provider.accounts.set("thief", { email, email_verified: true, groups });
  expect(await codeOf(await answerTo("thief"))).toEqual([403, "SIGN_IN_REFUSED"]);
});

test("a person is known by the subject, whatever address the provider says later", async () => {
  provider.accounts.set("kim", { email: "kim@example.com", groups: ["ota-observers"] });
  const { id: user } = await me(await signIn("kim"));
  provider.accounts.set("kim", { email: "admin@example.com", email_verified: true, groups: ["ota-observers"] });
  await change({ ...RULES, link_by_email: true });
  const again = await me(await signIn("kim"));
  expect([again.id, again.email]).toEqual([user, "kim@example.com"]);
});

test("the answer of the provider is good once, in the browser that began, for its own sign-in and in time", async () => {
  provider.accounts.set("sid", { email: "sid@example.com", groups: ["ota-observers"] });
  const { browser, url } = await comeBack("sid");
  const invalid = [400, "SIGN_IN_INVALID"];
  // Another browser, also one that has begun a sign-in of its own.
  expect(await codeOf(await new Browser().open(url))).toEqual(invalid);
  const other = await comeBack("sid");
  expect(await codeOf(await other.browser.open(url))).toEqual(invalid);
  // Another state, and none.
  const forged = new URL(url);
  forged.searchParams.set("state", new URL(other.url).searchParams.get("state") ?? "");
  expect(await codeOf(await browser.open(forged.href))).toEqual(invalid);
  forged.searchParams.delete("state");
  expect(await codeOf(await browser.open(forged.href))).toEqual(invalid);
  // It is still good where it belongs, and once.
  const cookies = browser.cookiesFor(url);
  expect((await browser.open(url)).status).toBe(303);
  const asked = provider.asked.length;
  expect(await codeOf(await fetch(url, { headers: { cookie: cookies }, redirect: "manual" }))).toEqual(invalid);
  // The provider would refuse the code, too, and is not even asked.
  expect(provider.asked.length).toBe(asked);
  await query(server, "UPDATE sign_ins SET expires_at = now()");
  expect(await codeOf(await other.browser.open(other.url))).toEqual(invalid);
});

test("a code that the provider has given out already lets nobody in", async () => {
  provider.accounts.set("twice", { email: "twice@example.com", groups: ["ota-observers"] });
  const first = await comeBack("twice");
  const second = await comeBack("twice");
  expect((await first.browser.open(first.url)).status).toBe(303);
  const replayed = new URL(second.url);
  replayed.searchParams.set("code", new URL(first.url).searchParams.get("code") ?? "");
  expect(await codeOf(await second.browser.open(replayed.href))).toEqual([400, "SIGN_IN_INVALID"]);
});

test("the token is fetched once, from the cookie of the browser, and stands in no address", async () => {
  provider.accounts.set("tok", { email: "tok@example.com", groups: ["ota-observers"] });
  const { browser, url } = await comeBack("tok", new Browser(), `?to=${encodeURIComponent("/ui/devices?q=a#x")}`);
  const answer = await browser.open(url);
  expect([answer.status, answer.headers.get("location")]).toEqual([303, "/ui/devices?q=a#x"]);
  expect([answer.headers.get("cache-control"), answer.headers.get("referrer-policy")]).toEqual([
    ...["no-store", "no-referrer"],
  ]);
  const [cookie] = answer.headers.getSetCookie().filter((line) => line.startsWith("switchback-handover="));
  expect(cookie).toMatch(/^switchback-handover=[\w-]{43}; Path=\/; Max-Age=120; HttpOnly; SameSite=Strict$/);
  const cookies = browser.cookiesFor(url);
  expect((await browser.open(sessionUrl(), { method: "POST" })).status).toBe(200);
  const again = await fetch(sessionUrl(), { method: "POST", headers: { cookie: cookies } });
  expect(await codeOf(again)).toEqual([400, "SIGN_IN_INVALID"]);
  expect(await codeOf(await fetch(sessionUrl(), { method: "POST" }))).toEqual([400, "SIGN_IN_INVALID"]);
});

for (const to of [
  "//evil.example",
  "https://evil.example",
  "/\\evil.example",
  "/a/../\\/evil",
  "/\t/evil.example",
  "x",
])
  test(`nobody is sent on to ${JSON.stringify(to)}`, async () => {
    const answer = await fetch(startUrl(`?to=${encodeURIComponent(to)}`), { redirect: "manual" });
    expect(await codeOf(answer)).toEqual([400, "REQUEST_INVALID"]);
    expect(answer.headers.get("set-cookie")).toBeNull();
  });

test("who gives up at the provider is told so", async () => {
  expect(await codeOf(await answerTo(undefined))).toEqual([403, "PROVIDER_REFUSED"]);
});

test("the provider may change its keys between two sign-ins", async () => {
  provider.accounts.set("rot", { email: "rot@example.com", groups: ["ota-observers"] });
  const { id: user } = await me(await signIn("rot"));
  provider.register(callbackUrl());
  expect((await me(await signIn("rot"))).id).toBe(user);
});

test("a provider that is away is an error of its own, and not one of the server", async () => {
  provider.accounts.set("away", { email: "away@example.com", groups: ["ota-observers"] });
  const { browser, url } = await comeBack("away");
  provider.instead = (_, response) => response.writeHead(503).end();
  expect(await codeOf(await browser.open(url))).toEqual([424, "PROVIDER_AWAY"]);
});

test("removing a provider ends the sessions that it has begun, and a personal access token stays what it is", async () => {
  provider.accounts.set("pat", { email: "pat@example.com", groups: ["ota-observers"] });
  const token = await signIn("pat");
  const made = await fetch(`${server.url}${USERADM}/settings/tokens`, {
    method: "POST",
    headers: { authorization: `Bearer ${token}`, "content-type": "application/json" },
    body: JSON.stringify({ name: "ci" }),
  });
  const accessToken = await made.text();
  // The last test of this file: nobody signs in by it any more.
  expect((await server.request("DELETE", `${METADATA}/${id}`)).status).toBe(204);
  expect((await ask(token, `${USERADM}/users/me`)).status).toBe(401);
  expect((await me(accessToken)).email).toBe("pat@example.com");
  expect((await fetch(startUrl(), { redirect: "manual" })).status).toBe(404);
});
