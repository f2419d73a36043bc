import { afterAll, beforeAll, expect, test } from "vitest";
import { startTestServer, type TestServer } from "../support/server/test-server.ts";

const LOGS = "/api/management/v1/auditlogs/logs";
const USERS = "/api/management/v1/useradm/users";
let server: TestServer;
beforeAll(async () => {
  server = await startTestServer();
  for (const name of ["first", "second", "third"])
    await server.request("POST", USERS, { email: `${name}@example.com`, password: "a long enough one" });
});
afterAll(() => server.close());

const get = async <T>(path: string): Promise<T> => (await server.request("GET", path)).json() as Promise<T>;
const tamper = (statement: string): Promise<unknown> =>
  server.server.services.postgres.inTenant(server.tenant.id, (session) => session.raw(statement));

test("the audit log is filtered and paged, newest first", async () => {
  const page = await server.request("GET", `${LOGS}?object_type=user&per_page=2`);
  expect(page.headers.get("x-total-count")).toBe("3");
  expect(await page.json()).toMatchObject([
    { seq: 3, action: "create", actor: { email: "admin@example.com" }, object: { email: "third@example.com" } },
    { seq: 2, object: { email: "second@example.com" } },
  ]);
  expect(await get(`${LOGS}?object_type=device`)).toEqual([]);
  expect(await get(`${LOGS}?actor_email=admin@example.com&sort=asc&per_page=1`)).toMatchObject([{ seq: 1 }]);
  expect(await get(`${LOGS}?created_after=4000000000`)).toEqual([]);
  expect(await get(`${LOGS}?created_before=4000000000`)).toHaveLength(3);
});

test("the export is CSV in which no cell is a formula", async () => {
  const [kept] = await get<{ change: string }[]>(`${LOGS}?sort=asc&per_page=1`);
  // As an import or another tool could write it.
  await tamper(`UPDATE audit SET action = '=1+1', change = E'a "quoted"\\nline' WHERE seq = 1`);
  const answer = await server.request("GET", `${LOGS}/export?sort=asc&limit=1`);
  expect(answer.headers.get("content-type")).toBe("text/csv; charset=utf-8");
  const text = await answer.text();
  expect(text).toMatch(/^"seq","time","actor","action","type","id","object","change"\r\n"1","/);
  expect(text).toContain(`"admin@example.com","'=1+1","user",`);
  expect(text).toContain(`"a ""quoted""\nline"\r\n`);
  await tamper(`UPDATE audit SET action = 'create', change = '${kept?.change}' WHERE seq = 1`);
});

test("each change of a record is found, and a record that is missing", async () => {
  const whole = await get<{ head: string }>(`${LOGS}/verify`);
  expect(whole).toEqual({ valid: true, records: 3, head: expect.stringMatching(/^[0-9a-f]{64}$/) });
  for (const [what, change, back] of [
    ["actor", `actor = '{"type": "user", "id": "x", "email": "innocent@example.com"}'`, undefined],
    ["time", "at = at + interval '1 second'", "at = at - interval '1 second'"],
    ["action", "action = 'delete'", "action = 'create'"],
    ["change", "change = 'x'", undefined],
    ["hash", "hash = decode(repeat('00', 32), 'hex')", undefined],
  ] as const) {
    const kept = (await tamper(
      "SELECT actor::text AS actor, change, encode(hash, 'hex') AS hash FROM audit WHERE seq = 2",
    )) as { actor: string; change: string; hash: string }[];
    await tamper(`UPDATE audit SET ${change} WHERE seq = 2`);
    expect(await get(`${LOGS}/verify`), what).toMatchObject({ valid: false, broken_at: 2, records: 1 });
    const [row] = kept;
    const original = `actor = '${row?.actor}', change = '${row?.change}', hash = decode('${row?.hash}', 'hex')`;
    await tamper(`UPDATE audit SET ${back ?? original} WHERE seq = 2`);
    expect(await get(`${LOGS}/verify`), what).toEqual(whole);
  }
  await tamper("DELETE FROM audit WHERE seq = 2");
  expect(await get(`${LOGS}/verify`)).toMatchObject({ valid: false, broken_at: 2 });
});
