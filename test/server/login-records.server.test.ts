import { afterAll, beforeAll, expect, test } from "vitest";
import { recordOldFailures } from "../../server/adapters/postgres/login-records.ts";
import { totpCode, totpStep } from "../../server/domain/authentication/totp.ts";
import type { RecoveryCodes } from "../../src/protocol/api/useradm.ts";
import { query } from "../support/server/seed.ts";
import { logIn, startTestServer, type TestServer } from "../support/server/test-server.ts";

const USERADM = "/api/management/v1/useradm";
const PASSWORD = "a long enough one";
let server: TestServer;
beforeAll(async () => {
  server = await startTestServer();
});
afterAll(() => server.close());

interface Row extends Record<string, unknown> {
  readonly action: string;
  readonly change: string;
  readonly actor: Readonly<Record<string, unknown>>;
  readonly origin: Readonly<Record<string, unknown>>;
  readonly object: Readonly<Record<string, unknown>>;
}

/** The records about the logins of an account, in their order. */
const records = (email: string): Promise<Row[]> =>
  query<Row>(
    server,
    `SELECT action, change, actor, origin, object FROM audit WHERE action LIKE 'login%'
      AND (actor ->> 'email' = $1 OR object ->> 'email' = $1) ORDER BY seq`,
    email,
  );
const changes = async (email: string): Promise<string[]> => (await records(email)).map(({ change }) => change);

async function newUser(email: string): Promise<void> {
  const made = await server.request("POST", `${USERADM}/users`, { email, password: PASSWORD, roles: [] });
  expect(made.status).toBe(201);
}

async function login(email: string, password: string, token2fa?: string): Promise<number> {
  const answer = await fetch(`${server.url}${USERADM}/auth/login`, {
    method: "POST",
    headers: {
      authorization: `Basic ${Buffer.from(`${email}:${password}`).toString("base64")}`,
      ...{ "content-type": "application/json", "user-agent": "tester/1" },
    },
    body: JSON.stringify({ token2fa }),
  });
  await answer.arrayBuffer();
  return answer.status;
}

/** As if nobody had guessed before: the waits of guessers are not what these tests are about. */
const forgive = () => query(server, "DELETE FROM login_attempts");
const unrecorded = async (): Promise<number> =>
  (await query<{ n: number }>(server, "SELECT coalesce(sum(unrecorded), 0)::float8 AS n FROM login_failures"))[0]?.n ??
  0;
const anHourLater = () => query(server, "UPDATE login_failures SET recorded_at = recorded_at - interval '61 minutes'");

test("a login has a record: who, from where, by which program, with which session", async () => {
  await newUser("one@example.com");
  expect(await login("One@example.com", PASSWORD)).toBe(200);
  const [record] = await records("one@example.com");
  const [session] = await query<{ id: string }>(
    ...([
      server,
      "SELECT s.id FROM sessions s JOIN users u ON u.id = s.user_id WHERE u.email = 'one@example.com'",
    ] as const),
  );
  expect(record).toMatchObject({
    ...{ action: "login", change: "By password." },
    actor: { type: "user", email: "one@example.com", session: session?.id },
    origin: { address: "127.0.0.1", agent: "tester/1" },
    object: { type: "session", id: session?.id },
  });
});

test("failed logins have one record an hour with their number, and the next login tells of the rest", async () => {
  const email = "guessed@example.com";
  await newUser(email);
  for (let n = 0; n < 4; n += 1) expect(await login(email, `guess ${n}`)).toBe(401);
  await expect.poll(() => changes(email)).toEqual(["One login failed: the password was wrong."]);
  await expect.poll(unrecorded).toBe(3);
  const [first] = await records(email);
  expect(first).toMatchObject({
    ...{ action: "login_failed", actor: { type: "anonymous" }, origin: { address: "127.0.0.1", agent: "tester/1" } },
    object: { type: "user", email },
  });
  await anHourLater();
  await forgive();
  expect(await login(email, "another guess")).toBe(401);
  const later = /^4 logins failed since \d{4}-\S+Z: in the last one, the password was wrong\.$/;
  await expect.poll(() => changes(email)).toEqual([expect.anything(), expect.stringMatching(later)]);
  for (let n = 0; n < 2; n += 1) expect(await login(email, `guess ${n}`)).toBe(401);
  await expect.poll(unrecorded).toBe(2);
  await forgive();
  expect(await login(email, PASSWORD)).toBe(200);
  expect((await changes(email)).at(-1)).toMatch(/^By password\. Before it, 2 logins failed since \S+Z\.$/);
  expect(await unrecorded()).toBe(0);
});

test("failures after which nobody tries again are recorded after an hour, once", async () => {
  const email = "left@example.com";
  await newUser(email);
  const { postgres } = server.server.services;
  for (let n = 0; n < 3; n += 1) await login(email, `guess ${n}`);
  await expect.poll(unrecorded).toBe(2);
  expect(await recordOldFailures(postgres), "within the hour").toBe(0);
  await anHourLater();
  expect(await recordOldFailures(postgres)).toBe(1);
  expect((await changes(email)).at(-1)).toMatch(/^2 logins failed since \S+Z\.$/);
  expect(await recordOldFailures(postgres)).toBe(0);
  await forgive();
});

test("an account that does not exist leaves no record and no row, however often it is guessed", async () => {
  const count = async () => (await query<{ n: number }>(server, "SELECT count(*) AS n FROM audit"))[0]?.n;
  const before = await count();
  for (let n = 0; n < 4; n += 1) expect(await login(`nobody${n}@example.com`, PASSWORD)).toBe(401);
  expect(await count()).toBe(before);
  expect(await query(server, "SELECT 1 FROM login_failures f WHERE unrecorded > 0")).toEqual([]);
});

test("the record says whether a code of the app or a recovery code was used, and which codes were wrong", async () => {
  const email = "second@example.com";
  await newUser(email);
  const headers = { authorization: `Bearer ${await logIn(server.url, email, PASSWORD)}` };
  await server.request("POST", `${USERADM}/users/me/2fa/enable`, undefined, headers);
  const code = async (later: number): Promise<string> => {
    const [row] = await query<{ secret: Buffer; now: number }>(
      ...([server, "SELECT secret, extract(epoch FROM now())::float8 AS now FROM second_factors"] as const),
    );
    return totpCode(row?.secret ?? Buffer.alloc(0), totpStep(row?.now ?? 0) + later);
  };
  const verified = await server.request("PUT", `${USERADM}/2faverify`, { token2fa: await code(0) }, headers);
  const [recovery = ""] = ((await verified.json()) as RecoveryCodes).recovery_codes;
  expect(await login(email, PASSWORD)).toBe(401);
  expect(await login(email, PASSWORD, "000000x")).toBe(401);
  await expect.poll(async () => (await changes(email)).length).toBe(2);
  expect(await login(email, PASSWORD, recovery)).toBe(200);
  await query(server, "UPDATE second_factors SET last_step = 0");
  expect(await login(email, PASSWORD, await code(0))).toBe(200);
  expect(await changes(email)).toEqual([
    "By password.",
    "One login failed: the code of the second factor was wrong.",
    "By password and a recovery code, of which 9 are left.",
    "By password and a code of the app.",
  ]);
});
