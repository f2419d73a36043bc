import { createHash } from "node:crypto";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { request } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Script } from "node:vm";
import { afterAll, beforeAll, expect, test } from "vitest";
import { runCommandLine } from "../../fleet/cli/command-line.ts";
import { addTenant, addUser } from "../../server/adapters/postgres/people.ts";
import { newLinkToken, tenantOfToken } from "../../server/domain/authentication/password-links.ts";
import type { PasswordLink } from "../../src/protocol/api/useradm.ts";
import { RecordingIo } from "../support/recording-io.ts";
import { command } from "../support/server/command.ts";
import { addPerson, addRole } from "../support/server/people.ts";
import { query } from "../support/server/seed.ts";
import { logIn, startTestServer, type TestServer } from "../support/server/test-server.ts";

const USERADM = "/api/management/v1/useradm";
const PASSWORD = "a long enough one";
const NEW = "another long one";
let server: TestServer;
beforeAll(async () => {
  server = await startTestServer({ publicUrl: "https://ota.example.com" });
});
afterAll(() => server.close());

async function invite(email: string, roles: readonly string[] = []): Promise<{ id: string; link: PasswordLink }> {
  const answer = await server.request("POST", `${USERADM}/users`, { email, roles, send_reset_password: true });
  expect(answer.status).toBe(201);
  return {
    id: answer.headers.get("location")?.split("/").at(-1) ?? "",
    link: (await answer.json()) as PasswordLink,
  };
}

const tokenOf = ({ link = "" }: PasswordLink): string => link.split("#")[1] ?? "";

async function complete(token: string, password: string): Promise<string> {
  const answer = await fetch(`${server.url}${USERADM}/auth/password-reset/complete`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ secret_hash: token, password }),
  });
  return answer.status === 202 ? "done" : ((await answer.json()) as { code: string }).code;
}

const loginStatus = (email: string, password: string): Promise<number> =>
  logIn(server.url, email, password).then(
    () => 200,
    (error: Error) => Number(/\d{3}/.exec(error.message)?.[0]),
  );

async function linkAgain(id: string): Promise<PasswordLink> {
  const answer = await server.request("POST", `${USERADM}/users/${id}/password_link`);
  expect(answer.status).toBe(200);
  return (await answer.json()) as PasswordLink;
}

test("an invited person sets a password with the link that the administrator sees, and logs in with it", async () => {
  const { id, link } = await invite("invited@example.com");
  expect(link).toEqual({
    mailed: false,
    link: expect.stringMatching(/^https:\/\/ota\.example\.com\/set-password#[\w-]{64}$/),
    expires_at: expect.any(String),
  });
  const days = (Date.parse(link.expires_at ?? "") - Date.now()) / 86_400_000;
  expect(days).toBeGreaterThan(6.9);
  expect(days).toBeLessThan(7.1);
  const hasPassword = async (): Promise<unknown> =>
    ((await (await server.request("GET", `${USERADM}/users/${id}`)).json()) as { has_password: boolean }).has_password;
  expect(await hasPassword()).toBe(false);
  for (const guess of ["none", "", "null"]) expect(await loginStatus("invited@example.com", guess), guess).toBe(401);
  expect(await complete(tokenOf(link), "password1"), "easy to guess").toBe("NOT_POSSIBLE");
  expect(await complete(tokenOf(link), PASSWORD)).toBe("done");
  expect(await hasPassword()).toBe(true);
  expect(await loginStatus("invited@example.com", PASSWORD)).toBe(200);
  const [record] = await query<{ actor: object; change: string; origin: object }>(
    ...[server, "SELECT actor, change, origin FROM audit WHERE object ->> 'id' = $1 ORDER BY seq DESC LIMIT 1", id],
  );
  expect(record).toMatchObject({
    actor: { type: "user", id, email: "invited@example.com" },
    change: "The invitation was accepted.",
    origin: { address: "127.0.0.1" },
  });
});

test("a link is good once, also for many that use it at once", async () => {
  const { link } = await invite("hasty@example.com");
  const all = await Promise.all(Array.from({ length: 5 }, (_, n) => complete(tokenOf(link), `${PASSWORD} ${n}`)));
  expect(all.toSorted()).toEqual([...Array.from({ length: 4 }, () => "PASSWORD_LINK_INVALID"), "done"].toSorted());
  const statuses = await Promise.all(all.map((_, n) => loginStatus("hasty@example.com", `${PASSWORD} ${n}`)));
  expect(statuses.map((status) => status === 200)).toEqual(all.map((one) => one === "done"));
});

test("a link that has expired, one of another tenant, and one that was changed or shortened are refused", async () => {
  const { id, link } = await invite("late@example.com");
  const token = tokenOf(link);
  await query(server, "UPDATE password_links SET expires_at = now() - interval '1 second' WHERE user_id = $1", id);
  expect(await complete(token, NEW)).toBe("PASSWORD_LINK_INVALID");
  await query(server, "UPDATE password_links SET expires_at = now() + interval '1 hour' WHERE user_id = $1", id);
  const { postgres } = server.server.services;
  const other = await postgres.shared((session) => addTenant(session, "other"));
  await postgres.inTenant(other.id, (session) => addUser(session, other.id, "stranger@example.com", "no hash"));
  expect(tenantOfToken(token)).toBe(server.tenant.id);
  // The same secret in the name of another tenant.
  const moved = newLinkToken(other.id).slice(0, 21) + token.slice(21);
  const bytes = Buffer.concat([
    Buffer.from(other.id.replaceAll("-", ""), "hex"),
    Buffer.from(token, "base64url").subarray(16),
  ]);
  const forged = [moved, bytes.toString("base64url"), token.slice(0, -1), `${token}A`, `${token.slice(0, -1)}*`, "x"];
  for (const one of forged) expect(await complete(one, NEW), one).toBe("PASSWORD_LINK_INVALID");
  expect(await complete(token, NEW), "the link itself").toBe("done");
});

test("a new password ends all sessions and access tokens, and all other links of the user", async () => {
  const { id, link } = await invite("changing@example.com");
  await complete(tokenOf(link), PASSWORD);
  const session = await logIn(server.url, "changing@example.com", PASSWORD);
  const bearer = (token: string) => ({ authorization: `Bearer ${token}` });
  const made = await server.request("POST", `${USERADM}/settings/tokens`, { name: "ci" }, bearer(session));
  const access = await made.text();
  const [first, second] = [await linkAgain(id), await linkAgain(id)];
  const hours = (Date.parse(first.expires_at ?? "") - Date.now()) / 3_600_000;
  expect(hours).toBeGreaterThan(0.9);
  expect(hours).toBeLessThan(1.1);
  expect((await server.request("GET", `${USERADM}/users/me`, undefined, bearer(session))).status).toBe(200);
  expect(await complete(tokenOf(second), NEW)).toBe("done");
  for (const token of [session, access])
    expect((await server.request("GET", `${USERADM}/users/me`, undefined, bearer(token))).status).toBe(401);
  expect(await complete(tokenOf(first), "yet another one")).toBe("PASSWORD_LINK_INVALID");
  expect([await loginStatus("changing@example.com", PASSWORD), await loginStatus("changing@example.com", NEW)]).toEqual(
    [401, 200],
  );
});

test("another email address, a password by an administrator, and the end of the account make links void", async () => {
  for (const [name, method, body] of [
    ["moved", "PUT", { email: "moved-on@example.com" }],
    ["set", "PUT", { password: PASSWORD }],
    ["gone", "DELETE", undefined],
  ] as const) {
    const { id, link } = await invite(`${name}@example.com`);
    expect((await server.request(method, `${USERADM}/users/${id}`, body)).status).toBe(204);
    expect(await complete(tokenOf(link), NEW), name).toBe("PASSWORD_LINK_INVALID");
  }
});

test("only the hash of a link is in the database, and nothing of it is in the audit log", async () => {
  const { link } = await invite("secret@example.com");
  const token = tokenOf(link);
  const tables = await query<{ name: string }>(
    ...([server, "SELECT tablename AS name FROM pg_tables WHERE schemaname = 'public'"] as const),
  );
  for (const { name } of tables) {
    const text = JSON.stringify(await query(server, `SELECT to_jsonb(t) AS row FROM ${name} t`));
    for (const part of [token, token.slice(22), Buffer.from(token, "base64url").subarray(16).toString("hex")])
      expect(text.includes(part), name).toBe(false);
  }
});

test("the link has the configured address, and never what a client calls the server", async () => {
  const body = JSON.stringify({ email: "host@example.com", send_reset_password: true });
  const text = await new Promise<string>((resolve, reject) => {
    const headers = {
      ...{ authorization: `Bearer ${server.token}`, "content-type": "application/json" },
      ...{ host: "evil.example.net", "x-forwarded-host": "evil.example.net", "x-forwarded-proto": "http" },
    };
    request(`${server.url}${USERADM}/users`, { method: "POST", headers }, (answer) => {
      let said = "";
      answer.setEncoding("utf8").on("data", (chunk: string) => {
        said += chunk;
      });
      answer.once("end", () => resolve(said));
    })
      .once("error", reject)
      .end(body);
  });
  expect((JSON.parse(text) as PasswordLink).link).toMatch(/^https:\/\/ota\.example\.com\/set-password#/);
  expect(text).not.toContain("evil");
});

test("a person who manages users gets no link for somebody who may do more", async () => {
  await addRole(server, "people", [{ name: "ManageUsers" }, { name: "ReadUsers" }]);
  const manager = await addPerson(server, ["people"]);
  const administrator = await addPerson(server, ["RBAC_ROLE_PERMIT_ALL"]);
  const peer = await addPerson(server, ["people"]);
  const ask = (id: string) => manager.request("POST", `${USERADM}/users/${id}/password_link`);
  expect((await ask(administrator.id)).status).toBe(403);
  expect((await ask(peer.id)).status).toBe(200);
  const body = { email: "more@example.com", send_reset_password: true };
  expect((await manager.request("POST", `${USERADM}/users`, body)).status, "an administrator").toBe(403);
  expect(await query(server, "SELECT 1 FROM password_links WHERE user_id = $1", administrator.id)).toEqual([]);
});

test("a user needs a password or a link, and a link changes nothing until it is used", async () => {
  const without = await server.request("POST", `${USERADM}/users`, { email: "without@example.com" });
  expect([without.status, ((await without.json()) as { code: string }).code]).toEqual([422, "NOT_POSSIBLE"]);
  const body = { email: "both@example.com", password: PASSWORD, send_reset_password: true };
  const both = await server.request("POST", `${USERADM}/users`, body);
  expect(((await both.json()) as PasswordLink).link).toContain("/set-password#");
  expect(await loginStatus("both@example.com", PASSWORD)).toBe(200);
  const plain = await server.request("POST", `${USERADM}/users`, { email: "plain@example.com", password: PASSWORD });
  expect([plain.status, await plain.text()]).toEqual([201, ""]);
});

test("a request for a new password answers the same whether there is an account or not, and is limited", async () => {
  const start = (email: string, address: string): Promise<readonly [number, string]> =>
    new Promise((resolve, reject) => {
      const options = { method: "POST", localAddress: address, agent: false };
      const headers = { "content-type": "application/json" };
      request(`${server.url}${USERADM}/auth/password-reset/start`, { ...options, headers }, (answer) => {
        let said = "";
        answer.setEncoding("utf8").on("data", (chunk: string) => {
          said += chunk;
        });
        answer.once("end", () => resolve([answer.statusCode ?? 0, said]));
      })
        .once("error", reject)
        .end(JSON.stringify({ email }));
    });
  for (const email of ["admin@example.com", "nobody@example.com"])
    for (let n = 0; n < 6; n += 1) expect(await start(email, `127.0.1.${n}`), email).toEqual([202, ""]);
  const accounts = ["admin@example.com", "nobody@example.com"].map((email) =>
    createHash("sha256").update(`reset-account\0${email}`).digest("hex"),
  );
  const counted = await query<{ failures: number }>(
    ...([server, "SELECT failures FROM login_attempts WHERE key = ANY ($1)", accounts] as const),
  );
  expect(counted).toEqual([{ failures: 3 }, { failures: 3 }]);
  const one = Array.from({ length: 14 }, (_, n) => start(`n${n}@example.com`, "127.0.2.1"));
  const statuses = (await Promise.all(one)).map(([status]) => status);
  expect(statuses.filter((status) => status === 202)).toHaveLength(10);
  expect(statuses.filter((status) => status === 429)).toHaveLength(4);
  expect((await start("not an address", "127.0.3.1"))[0]).toBe(400);
});

test("operators invite and reset on the command line, and people set their password there", async () => {
  const home = await mkdtemp(join(tmpdir(), "switchback-fleet-"));
  const relative = await startTestServer();
  await writeFile(join(home, "password"), `${PASSWORD}\n`);
  async function fleet(...words: readonly string[]): Promise<readonly [string, string]> {
    const env = { HOME: home, SWITCHBACK_SERVER: relative.url, SWITCHBACK_TOKEN: relative.token };
    const io = new RecordingIo(false, env);
    await runCommandLine(words, io);
    return [io.outLines.join("\n"), io.errLines.join("\n")];
  }
  // The server does not know its address, and the command knows by which it was asked.
  const [link, said] = await fleet("users", "invite", "cli@example.com", "--role", "RBAC_ROLE_OBSERVER");
  expect(link).toMatch(new RegExp(`^${relative.url}/set-password#[\\w-]{64}$`));
  expect(said).toMatch(/^Pass the link on\. It works once, until 20/);
  expect((await fleet("users", "list"))[0]).toMatch(/cli@example\.com +RBAC_ROLE_OBSERVER +invited/);
  const set = (word: string) => fleet("password", "set", word, "--password-file", join(home, "password"));
  expect((await set(link))[1]).toContain("Your password is set.");
  expect((await set(link))[1]).toContain("PASSWORD_LINK_INVALID");
  const users = JSON.parse((await fleet("users", "list", "--json"))[0]) as { id: string; email: string }[];
  const id = users.find(({ email }) => email === "cli@example.com")?.id ?? "";
  const again = JSON.parse((await fleet("users", "reset-password", id, "--json"))[0]) as { id: string; link: string };
  expect(again).toMatchObject({ id, mailed: false });
  expect((await set(again.link.split("#")[1] ?? ""))[1], "the part behind the #").toContain("Your password is set.");
  expect((await fleet("password", "forgot", "cli@example.com"))[1]).toContain("If there is such an account");
  // The commands on the machine of the server.
  const database = ["--database", relative.databaseUrl];
  const [exit, made] = await command(
    "user",
    "invite",
    "machine@example.com",
    ...database,
    "--url",
    "https://a.example",
  );
  expect([exit, made]).toEqual([0, expect.stringMatching(/: https:\/\/a\.example\/set-password#[\w-]{64}\n$/)]);
  expect((await set(made.trim().split("#")[1] ?? ""))[1]).toContain("Your password is set.");
  const [, reset] = await command("user", "reset-password", "machine@example.com", "--link", ...database);
  expect(reset).toContain(": /set-password#");
  expect(reset).toContain("give the address with --url");
  expect((await command("user", "reset-password", "nobody@example.com", "--link", ...database))[0]).toBe(1);
  await relative.close();
  await rm(home, { recursive: true, force: true });
});

test("the page of a link takes the token out of the address, and sends it with the password", async () => {
  const answer = await fetch(`${server.url}/set-password`);
  const page = await answer.text();
  const policy = answer.headers.get("content-security-policy") ?? "";
  expect(policy).toContain("frame-ancestors 'none'");
  expect(policy).not.toContain("unsafe");
  expect(answer.headers.get("referrer-policy")).toBe("no-referrer");
  const { link } = await invite("browser@example.com");
  const script = /<script>(.*)<\/script>/s.exec(page)?.[1] ?? "";
  let submit: (event: { preventDefault(): void }) => Promise<void> = async () => undefined;
  const elements = { password: { value: "" }, again: { value: "" }, send: { disabled: false } };
  const form = {
    ...{ elements, hidden: false },
    addEventListener(_: string, hear: typeof submit) {
      submit = hear;
    },
  };
  const status = { textContent: "" };
  const replaced: string[] = [];
  new Script(script).runInNewContext({
    location: { hash: `#${tokenOf(link)}`, pathname: "/set-password" },
    history: { replaceState: (_: unknown, __: string, path: string) => replaced.push(path) },
    document: { querySelector: (query: string) => (query === "form" ? form : status) },
    fetch: (path: string, options: RequestInit) => fetch(new URL(path, `${server.url}/set-password`), options),
    ...{ JSON, Error },
  });
  expect(replaced).toEqual(["/set-password"]);
  const send = async (password: string, again = password): Promise<string> => {
    Object.assign(elements, { password: { value: password }, again: { value: again } });
    await submit({ preventDefault: () => undefined });
    return status.textContent;
  };
  expect(await send(PASSWORD, NEW)).toBe("The two passwords differ.");
  expect(await send("password1")).toMatch(/cannot be done/);
  expect(form.hidden).toBe(false);
  expect(await send(PASSWORD)).toBe("Your password is set. You can log in with it now.");
  expect(form.hidden).toBe(true);
  expect(await loginStatus("browser@example.com", PASSWORD)).toBe(200);
});
