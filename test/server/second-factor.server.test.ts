import { createHash } from "node:crypto";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { inflateSync } from "node:zlib";
import decodeQR from "qr/decode.js";
import { afterAll, beforeAll, expect, test } from "vitest";
import { runCommandLine } from "../../fleet/cli/command-line.ts";
import { totpCode, totpStep } from "../../server/domain/authentication/totp.ts";
import type { RecoveryCodes, SecondFactorSecret } from "../../src/protocol/api/useradm.ts";
import { RecordingIo } from "../support/recording-io.ts";
import { command } from "../support/server/command.ts";
import { addPerson, addRole } from "../support/server/people.ts";
import { query } from "../support/server/seed.ts";
import { logIn, startTestServer, type TestServer } from "../support/server/test-server.ts";

const USERADM = "/api/management/v1/useradm";
const PASSWORD = "a long enough one";
let server: TestServer;
beforeAll(async () => {
  server = await startTestServer();
});
afterAll(() => server.close());

interface Person {
  readonly id: string;
  readonly email: string;
  readonly token: string;
  ask(method: string, path: string, body?: unknown): Promise<Response>;
}

async function newUser(name: string, roles: readonly string[] = []): Promise<Person> {
  const email = `${name}@example.com`;
  const made = await server.request("POST", `${USERADM}/users`, { email, password: PASSWORD, roles });
  const id = made.headers.get("location")?.split("/").at(-1) ?? "";
  return personWith(id, email, await logIn(server.url, email, PASSWORD));
}
const personWith = (id: string, email: string, token: string): Person => ({
  ...{ id, email, token },
  ask: (method, path, body) => server.request(method, `${USERADM}${path}`, body, { authorization: `Bearer ${token}` }),
});

/** A login with a code. @returns the status, and the code of the error or the token */
async function login(email: string, token2fa?: string): Promise<readonly [number, string]> {
  const answer = await fetch(`${server.url}${USERADM}/auth/login`, {
    method: "POST",
    headers: {
      authorization: `Basic ${Buffer.from(`${email}:${PASSWORD}`).toString("base64")}`,
      "content-type": "application/json",
    },
    body: JSON.stringify({ token2fa }),
  });
  const text = await answer.text();
  return [answer.status, answer.status === 200 ? text : (JSON.parse(text) as { code: string }).code];
}

/** The code of the app: of now, or of some steps later. */
async function codeOf({ id }: Person, later = 0): Promise<string> {
  const [row] = await query<{ secret: Buffer; now: number }>(
    ...[server, "SELECT secret, extract(epoch FROM now())::float8 AS now FROM second_factors WHERE user_id = $1", id],
  );
  return totpCode(row?.secret ?? Buffer.alloc(0), totpStep(row?.now ?? 0) + later);
}

/** As if the last code had been used long ago. */
const forgetCodes = ({ id }: Person) => query(server, "UPDATE second_factors SET last_step = 0 WHERE user_id = $1", id);

/** @returns the recovery codes */
async function setUp(person: Person): Promise<readonly string[]> {
  expect((await person.ask("POST", "/users/me/2fa/enable")).status).toBe(204);
  const verified = await person.ask("PUT", "/2faverify", { token2fa: await codeOf(person) });
  expect(verified.status).toBe(200);
  return ((await verified.json()) as RecoveryCodes).recovery_codes;
}

const statusOf = async (person: Person): Promise<unknown> =>
  ((await (await person.ask("GET", "/users/me")).json()) as { tfa_status: string }).tfa_status;

test("a person sets up an app: the secret is shown until a code has verified it, and then logins need codes", async () => {
  const person = await newUser("careful");
  const other = personWith(person.id, person.email, await logIn(server.url, person.email, PASSWORD));
  expect((await person.ask("GET", "/2faqr")).status).toBe(422);
  expect((await person.ask("POST", `/users/${person.id}/2fa/enable`)).status).toBe(204);
  expect(await statusOf(person)).toBe("unverified");
  const shown = (await (await person.ask("GET", "/2faqr")).json()) as SecondFactorSecret;
  expect(readPng(Buffer.from(shown.qr, "base64"))).toBe(shown.uri);
  expect(shown.uri).toContain(`careful%40example.com?secret=${shown.secret}&`);
  expect(shown.qr_text.split("\n").length).toBeGreaterThan(15);
  expect((await login(person.email))[0], "not asked for yet").toBe(200);
  expect((await person.ask("PUT", "/2faverify", { token2fa: "000000x" })).status).toBe(422);
  const code = await codeOf(person);
  expect((await person.ask("PUT", "/2faverify", { token2fa: code })).status).toBe(200);
  expect(await statusOf(person)).toBe("enabled");
  expect((await other.ask("GET", "/users/me")).status, "a session that was begun without it").toBe(401);
  expect((await person.ask("GET", "/2faqr")).status).toBe(422);
  expect((await person.ask("POST", "/users/me/2fa/enable")).status).toBe(422);
  expect(await login(person.email)).toEqual([401, "SECOND_FACTOR_MISSING"]);
  expect(await login(person.email, "12345")).toEqual([401, "SECOND_FACTOR_WRONG"]);
  expect(await login(person.email, code), "the code of the set-up").toEqual([401, "SECOND_FACTOR_WRONG"]);
  expect((await login(person.email, await codeOf(person, 1)))[0]).toBe(200);
});

test("of many logins at once with one code, one succeeds", async () => {
  const person = await newUser("hasty");
  await setUp(person);
  await forgetCodes(person);
  const code = await codeOf(person);
  const all = await Promise.all(Array.from({ length: 4 }, () => login(person.email, code)));
  expect(all.filter(([status]) => status === 200)).toHaveLength(1);
});

test("each recovery code is good once, new ones replace the old ones, and only hashes are kept", async () => {
  const person = await newUser("forgetful");
  const codes = await setUp(person);
  expect(codes).toHaveLength(10);
  expect((await login(person.email, codes[0]))[0]).toBe(200);
  expect(await login(person.email, codes[0])).toEqual([401, "SECOND_FACTOR_WRONG"]);
  const dump = JSON.stringify(await query(server, "SELECT * FROM second_factors"));
  for (const code of codes) expect(dump).not.toContain(code.replace("-", ""));
  expect((await person.ask("POST", "/users/me/2fa/recovery_codes", {})).status).toBe(422);
  const made = await person.ask("POST", "/users/me/2fa/recovery_codes", { current_password: PASSWORD });
  const fresh = ((await made.json()) as RecoveryCodes).recovery_codes;
  expect(await login(person.email, codes[1])).toEqual([401, "SECOND_FACTOR_WRONG"]);
  expect((await login(person.email, fresh[9]))[0]).toBe(200);
});

test("one removes it with the password, and who manages users resets that of somebody who may do no more", async () => {
  await addRole(server, "helpdesk", [{ name: "ManageUsers" }]);
  const helper = await addPerson(server, ["helpdesk"]);
  const person = await newUser("leaver");
  await setUp(person);
  expect((await person.ask("POST", "/users/me/2fa/disable")).status).toBe(422);
  expect((await person.ask("POST", "/users/me/2fa/disable", { current_password: "wrong" })).status).toBe(422);
  expect((await person.ask("POST", "/users/me/2fa/disable", { current_password: PASSWORD })).status).toBe(204);
  expect((await login(person.email))[0]).toBe(200);
  await setUp(person);
  expect((await helper.request("POST", `${USERADM}/users/${person.id}/2fa/disable`)).status).toBe(404);
  expect((await helper.request("POST", `${USERADM}/users/${person.id}/2fa/enable`)).status).toBe(404);
  expect((await helper.request("POST", `${USERADM}/users/${person.id}/2fa/reset`)).status).toBe(204);
  expect((await login(person.email))[0]).toBe(200);
  const admin = await newUser("chief", ["RBAC_ROLE_PERMIT_ALL"]);
  await setUp(admin);
  expect((await helper.request("POST", `${USERADM}/users/${admin.id}/2fa/reset`)).status).toBe(403);
  expect((await admin.ask("POST", `/users/${admin.id}/2fa/reset`)).status).toBe(422);
  const changes = await query<{ change: string }>(
    ...[server, "SELECT change FROM audit WHERE object ->> 'id' = $1 AND action = 'update' ORDER BY seq", person.id],
  );
  expect(changes.map(({ change }) => change)).toEqual([
    ...["begun to set up", "enabled", "disabled", "begun to set up", "enabled", "reset"].map(
      (what) => `second factor: ${what}`,
    ),
  ]);
});

test("on the machine of the server, a lost second factor is removed", async () => {
  const person = await newUser("lost");
  await setUp(person);
  const reset = () => command("user", "reset-second-factor", "Lost@example.com", "--database", server.databaseUrl);
  expect(await reset()).toEqual([0, "The user lost@example.com has no second factor any more.\n"]);
  expect(await reset()).toEqual([0, "The user lost@example.com had no second factor.\n"]);
  expect((await login(person.email))[0]).toBe(200);
});

test("the command line asks for the code when the server does, or takes it from an option or the environment", async () => {
  const person = await newUser("operator");
  await setUp(person);
  const home = await mkdtemp(join(tmpdir(), "switchback-fleet-"));
  await writeFile(join(home, "password"), `${PASSWORD}\n`);
  const run = async (words: readonly string[], env: Record<string, string>, answer?: string) => {
    await forgetCodes(person);
    const io = new RecordingIo(false, { HOME: home, SWITCHBACK_SERVER: server.url, ...env });
    io.answers = answer === undefined ? undefined : [answer];
    const common = ["login", "--username", person.email, "--password-file", join(home, "password")];
    await runCommandLine([...common, ...words], io);
    return [io.exitCode, io.asked, io.errLines.join(" ")];
  };
  try {
    const ok = [0, [], `Logged in to ${server.url}.`];
    expect(await run(["--totp-code", await codeOf(person)], {})).toEqual(ok);
    expect(await run(["--2fa-code", await codeOf(person)], {})).toEqual(ok);
    expect(await run([], { SWITCHBACK_TOTP_CODE: await codeOf(person) })).toEqual(ok);
    expect(await run([], {}, await codeOf(person))).toEqual([0, ["Code of the second factor: "], ok[2]]);
    expect(await run([], {})).toMatchObject([1, [], expect.stringContaining("--totp-code")]);
    expect(await run(["--totp-code", "1"], {})).toMatchObject([1, [], expect.stringContaining("SECOND_FACTOR_WRONG")]);
  } finally {
    await rm(home, { recursive: true });
  }
});

test("guesses at the code are slowed down from all addresses together, though the password is right", async () => {
  const person = await newUser("guessed");
  await setUp(person);
  await query(server, "DELETE FROM login_attempts");
  const guess = (at: number) =>
    server.server.app.inject({
      ...{
        method: "POST",
        url: `${USERADM}/auth/login`,
        remoteAddress: `198.51.100.${at}`,
        payload: { token2fa: "0" },
      },
      headers: { authorization: `Basic ${Buffer.from(`${person.email}:${PASSWORD}`).toString("base64")}` },
    });
  const statuses: number[] = [];
  for (let at = 0; at < 10; at += 1) statuses.push((await guess(at)).statusCode);
  expect(statuses).toEqual(Array.from({ length: 10 }, () => 401));
  // On a slow machine, a wait of a second would be over before the next attempt.
  const key = createHash("sha256").update(`code\0${person.email}`).digest("hex");
  await query(server, "UPDATE login_attempts SET next_at = now() + interval '1 hour' WHERE key = $1", key);
  expect((await guess(99)).statusCode).toBe(429);
});

test("if everyone must have one, a session without it can only set it up, and access tokens work on", async () => {
  const [admin, person] = [
    await newUser("strict", ["RBAC_ROLE_PERMIT_ALL"]),
    await newUser("late", ["RBAC_ROLE_OBSERVER"]),
  ];
  await setUp(admin);
  const token = await (await person.ask("POST", "/settings/tokens", { name: "ci" })).text();
  const program = personWith(person.id, person.email, token);
  expect((await person.ask("PUT", "/sign_in", { second_factor: "required" })).status).toBe(403);
  const helper = await addPerson(server, ["helpdesk"]);
  expect((await helper.request("PUT", `${USERADM}/sign_in`, { second_factor: "required" })).status).toBe(403);
  expect((await admin.ask("PUT", "/sign_in", { second_factor: "required" })).status).toBe(204);
  expect(await (await admin.ask("GET", "/sign_in")).json()).toMatchObject({ second_factor: "required" });
  const fresh = personWith(person.id, person.email, (await login(person.email))[1]);
  for (const one of [person, fresh]) {
    const refused = await one.ask("GET", "/settings");
    expect([refused.status, ((await refused.json()) as { code: string }).code]).toEqual([
      403,
      "SECOND_FACTOR_NOT_SET_UP",
    ]);
    expect((await one.ask("PUT", "/users/me", { password: "another long one" })).status).toBe(403);
  }
  expect((await program.ask("GET", "/settings")).status).toBe(200);
  expect(await statusOf(fresh)).toBe("disabled");
  await setUp(fresh);
  expect((await fresh.ask("GET", "/settings")).status).toBe(200);
  expect((await admin.ask("PUT", "/sign_in", { second_factor: "optional" })).status).toBe(204);
});

/** The text of a QR code in a PNG image of one bit for each point. */
function readPng(png: Buffer): string {
  const size = png.readUInt32BE(16);
  const start = png.indexOf("IDAT") + 4;
  const rows = inflateSync(png.subarray(start, start + png.readUInt32BE(start - 8)));
  const stride = 1 + Math.ceil(size / 8);
  const data = new Uint8Array(size * size * 4);
  for (let y = 0; y < size; y += 1)
    for (let x = 0; x < size; x += 1) {
      const byte = rows[y * stride + 1 + (x >> 3)] ?? 0;
      data.fill(((byte >> (7 - (x & 7))) & 1) * 255, (y * size + x) * 4, (y * size + x) * 4 + 4);
    }
  return decodeQR({ width: size, height: size, data });
}
