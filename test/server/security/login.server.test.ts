import { request } from "node:http";
import { afterAll, beforeAll, expect, test } from "vitest";
import { logIn, startTestServer, type TestServer } from "../../support/server/test-server.ts";

const LOGIN = "/api/management/v1/useradm/auth/login";
const ME = "/api/management/v1/useradm/users/me";
const PASSWORD = "correct horse battery";
const ADMIN = "admin@example.com";
/** As many failures of one account from one address cost nothing. */
const FREE = 5;

/** A server that anybody reaches, and one behind a proxy on this machine. */
let open: TestServer;
let behind: TestServer;
beforeAll(async () => {
  [open, behind] = await Promise.all([startTestServer(), startTestServer({ trustProxy: ["127.0.0.0/8"] })]);
  // The administrator's own address is known from now on.
  await logIn(open.url, ADMIN, PASSWORD);
});
afterAll(() => Promise.all([open.close(), behind.close()]));

interface From {
  /** The address of the connection: all of 127.0.0.0/8 is this machine. */
  readonly address?: string;
  readonly forwardedFor?: string;
}

/** The status of a login. */
function attempt(
  { url }: TestServer,
  email: string,
  password: string,
  { address = "127.0.0.1", forwardedFor }: From = {},
): Promise<{ readonly status: number; readonly retryAfter: string | undefined }> {
  return new Promise((resolve, reject) => {
    request(
      `${url}${LOGIN}`,
      {
        ...{ method: "POST", localAddress: address, agent: false },
        headers: {
          authorization: `Basic ${Buffer.from(`${email}:${password}`).toString("base64")}`,
          ...(forwardedFor !== undefined && { "x-forwarded-for": forwardedFor }),
        },
      },
      (answer) => {
        answer.resume();
        resolve({ status: answer.statusCode ?? 0, retryAfter: answer.headers["retry-after"] });
      },
    )
      .once("error", reject)
      .end();
  });
}

/** Guesses, all at once: an attempt counts before its password is checked. @returns how often which status came */
async function guess(server: TestServer, email: string, times: number, from: (at: number) => From) {
  const all = await Promise.all(
    Array.from({ length: times }, (_, at) => attempt(server, email, `guess ${at}`, from(at))),
  );
  // On a slow machine, waits of a second would be over before the next attempt.
  await server.server.services.postgres.shared((session) =>
    session.raw(
      "UPDATE login_attempts SET next_at = now() + interval '1 hour' WHERE next_at > updated_at + interval '0.5 s'",
    ),
  );
  return {
    refused: all.filter(({ status }) => status === 401).length,
    early: all.filter(({ status }) => status === 429).length,
  };
}

test("whoever guesses a password from one address must wait, also with the right one, and the owner need not", async () => {
  // The address from which the owner has logged in is known.
  expect((await attempt(open, ADMIN, PASSWORD, { address: "127.0.0.2" })).status).toBe(200);
  const { refused, early } = await guess(open, ADMIN, FREE + 4, () => ({ address: "127.0.0.3" }));
  expect(refused).toBeGreaterThanOrEqual(FREE);
  expect(early).toBeGreaterThan(0);
  const right = await attempt(open, ADMIN, PASSWORD, { address: "127.0.0.3" });
  expect(right.status).toBe(429);
  expect(Number(right.retryAfter)).toBeGreaterThan(0);
  expect((await attempt(open, ADMIN, PASSWORD, { address: "127.0.0.2" })).status).toBe(200);
});

test("guesses for one account from many addresses slow strangers down, and do not lock the owner out", async () => {
  await attempt(open, ADMIN, PASSWORD, { address: "127.0.0.2" });
  const { early } = await guess(open, ADMIN, 26, (at) => ({ address: `127.0.1.${at + 1}` }));
  expect(early).toBeGreaterThan(0);
  expect((await attempt(open, ADMIN, PASSWORD, { address: "127.0.0.2" })).status).toBe(200);
});

test("X-Forwarded-For of a client that is no known proxy does not make it another client", async () => {
  const { early } = await guess(open, "victim@example.com", FREE + 4, (at) => ({
    address: "127.0.0.9",
    forwardedFor: `203.0.113.${at + 1}`,
  }));
  expect(early).toBeGreaterThan(0);
});

test("a proxy that is trusted says who the client is, and no client can add to that", async () => {
  const victim = "victim@example.com";
  const from = (address: string) => () => ({ forwardedFor: address });
  expect((await guess(behind, victim, FREE + 4, from("203.0.113.1"))).early).toBeGreaterThan(0);
  expect(await guess(behind, victim, 1, from("203.0.113.2"))).toEqual({ refused: 1, early: 0 });
  // What the client has sent stands first, and what the proxy adds stands last.
  const lying = await guess(behind, victim, FREE + 4, (at) => ({ forwardedFor: `198.51.100.${at}, 203.0.113.3` }));
  expect(lying.early).toBeGreaterThan(0);
  for (const odd of ["", "no address", "' OR 1=1 --", "::1%eth0", "127.0.0.1, ,", "x".repeat(4000)])
    expect((await attempt(behind, victim, "guess", { forwardedFor: odd })).status, odd).toBeLessThan(500);
});

test("a login takes no session that somebody else has chosen, and a new password ends the other sessions", async () => {
  const known = await logIn(open.url, ADMIN, PASSWORD);
  const answer = await fetch(`${open.url}${LOGIN}?token=${known}&jwt=${known}`, {
    method: "POST",
    headers: {
      authorization: `Basic ${Buffer.from(`${ADMIN}:${PASSWORD}`).toString("base64")}`,
      cookie: `JWT=${known}; session=${known}`,
      "content-type": "application/json",
    },
    body: JSON.stringify({ token: known, session: known }),
  });
  const fresh = await answer.text();
  const jtiOf = (token: string): unknown =>
    JSON.parse(Buffer.from(token.split(".")[1] ?? "", "base64url").toString()).jti;
  expect(answer.status).toBe(200);
  expect(jtiOf(fresh)).not.toBe(jtiOf(known));
  const me = await open.request("GET", ME, undefined, { authorization: `Bearer ${fresh}` });
  const { id } = (await me.json()) as { id: string };
  const change = { password: "another long enough one", current_password: PASSWORD };
  const changed = await open.request("PUT", `/api/management/v1/useradm/users/${id}`, change, {
    authorization: `Bearer ${fresh}`,
  });
  expect(changed.status).toBe(204);
  for (const [token, status] of [
    [known, 401],
    [fresh, 200],
  ] as const)
    expect((await open.request("GET", ME, undefined, { authorization: `Bearer ${token}` })).status).toBe(status);
});
