import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, expect, test } from "vitest";
import { writeAudit } from "../../server/adapters/postgres/audit.ts";
import { anchorText } from "../../server/domain/audit/anchors.ts";
import { type AuditRecord, hashRecord } from "../../server/domain/audit/chain.ts";
import { query } from "../support/server/seed.ts";
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

/** Changes rows as the owner of the tables can: without the triggers, and with the privileges given back. */
async function tamper(...statements: readonly string[]): Promise<void> {
  const { postgres } = server.server.services;
  await postgres.inTenant(server.tenant.id, async (session) => {
    const tables = ["audit", "audit_ends"];
    for (const table of tables) await session.raw(`ALTER TABLE ${table} DISABLE TRIGGER USER`);
    await session.raw("GRANT UPDATE, DELETE ON audit TO CURRENT_USER");
    for (const statement of statements) await session.raw(statement);
    await session.raw("REVOKE UPDATE, DELETE ON audit FROM CURRENT_USER");
    for (const table of tables) await session.raw(`ALTER TABLE ${table} ENABLE TRIGGER USER`);
  });
}

/** Does `work` on a log that is put back afterwards. */
async function onCopy(work: () => Promise<void>): Promise<void> {
  await tamper("CREATE TABLE kept AS TABLE audit", "CREATE TABLE kept_ends AS TABLE audit_ends");
  try {
    await work();
  } finally {
    await tamper(
      ...["DELETE FROM audit", "INSERT INTO audit SELECT * FROM kept", "DROP TABLE kept"],
      ...["DELETE FROM audit_ends", "INSERT INTO audit_ends SELECT * FROM kept_ends", "DROP TABLE kept_ends"],
    );
  }
}

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

test("a record says who acted, with which session, from where, and what was before and after", async () => {
  const [session] = await query<{ id: string }>(server, "SELECT id FROM sessions");
  const body = { email: "fourth@example.com", password: "a long enough one" };
  const made = await server.request("POST", USERS, body, { "user-agent": "tester/1" });
  const id = made.headers.get("location")?.split("/").at(-1);
  await server.request("PUT", `${USERS}/${id}`, { email: "new@example.com", password: "another long one" });
  const [changed, created] = await get<AuditRecord[]>(`${LOGS}?object_id=${id}`);
  expect(created).toMatchObject({
    actor: { type: "user", email: "admin@example.com", session: session?.id },
    origin: { address: "127.0.0.1", agent: "tester/1" },
    request_id: made.headers.get("x-men-requestid"),
    difference: { email: { after: "fourth@example.com" }, roles: { after: ["RBAC_ROLE_PERMIT_ALL"] } },
  });
  expect(changed?.difference).toEqual({ email: { before: "fourth@example.com", after: "new@example.com" } });
  expect(JSON.stringify([changed, created])).not.toContain("long");
});

test("what a proxy says of the address is believed of a known proxy only", async () => {
  const proxied = await startTestServer({ trustProxy: ["127.0.0.1"] });
  const forged = { "x-forwarded-for": "203.0.113.9" };
  const addressOf = async (one: TestServer): Promise<unknown> => {
    const name = `p${randomUUID().slice(0, 8)}`;
    await one.request("POST", USERS, { email: `${name}@example.com`, password: "a long enough one" }, forged);
    const [record] = (await (await one.request("GET", `${LOGS}?per_page=1`)).json()) as { origin: object }[];
    return record?.origin;
  };
  expect(await addressOf(proxied)).toMatchObject({ address: "203.0.113.9" });
  expect(await addressOf(server)).toMatchObject({ address: "127.0.0.1" });
  await proxied.close();
});

test("the export is CSV in which no cell is a formula, or one JSON object a line", async () => {
  await onCopy(async () => {
    // As an import or another tool could write it.
    await tamper(`UPDATE audit SET action = '=1+1', change = E'a "quoted"\nline' WHERE seq = 1`);
    const answer = await server.request("GET", `${LOGS}/export?sort=asc&limit=1`);
    expect(answer.headers.get("content-type")).toBe("text/csv; charset=utf-8");
    const text = await answer.text();
    expect(text).toMatch(/^"seq","time","actor","action","type","id","object","change","difference",/);
    expect(text).toContain(`"admin@example.com","'=1+1","user",`);
    expect(text).toContain(`"a ""quoted""\nline",`);
  });
  const answer = await server.request("GET", `${LOGS}/export?format=ndjson`);
  expect(answer.headers.get("content-type")).toBe("application/x-ndjson; charset=utf-8");
  const lines = (await answer.text()).trimEnd().split("\n");
  expect(lines.map((line) => JSON.parse(line))).toEqual(await get(`${LOGS}?per_page=500`));
});

test("an export walks through more records than it holds at a time", async () => {
  const { id } = server.tenant;
  const other = await startTestServer();
  await other.server.services.postgres.inTenant(other.tenant.id, async (session) => {
    await session.raw("ALTER TABLE audit DISABLE TRIGGER USER");
    await session.raw(
      `INSERT INTO audit (tenant_id, seq, actor, origin, action, object, previous_hash, hash)
        SELECT $1, n, '{}', '{}', 'x', '{}', '', '' FROM generate_series(1, 2345) AS n`,
      [other.tenant.id],
    );
  });
  expect(other.tenant.id).not.toBe(id);
  for (const [options, expected] of [
    ["", 2345],
    ["&limit=1001", 1001],
    ["&limit=1000", 1000],
  ] as const) {
    const text = await (await other.request("GET", `${LOGS}/export?format=ndjson&sort=asc${options}`)).text();
    const numbers = text
      .trimEnd()
      .split("\n")
      .map((line) => (JSON.parse(line) as { seq: number }).seq);
    expect(numbers).toEqual(Array.from({ length: expected }, (_, at) => at + 1));
  }
  await other.close();
});

test("the database refuses to change, delete or truncate records, and records that do not follow the last one", async () => {
  const refused = async (statement: string): Promise<string> =>
    query(server, statement).then(
      () => "done",
      (error: Error & { code: string }) => `${error.code} ${error.message}`,
    );
  const { id } = server.tenant;
  for (const table of ["audit", "audit_ends"])
    for (const statement of [`UPDATE ${table} SET hash = hash`, `DELETE FROM ${table}`, `TRUNCATE ${table}`])
      expect(await refused(statement), statement).toMatch(/^42501 /);
  expect(await refused("TRUNCATE tenants CASCADE")).toMatch(/^42501 /);
  expect(await refused(`DELETE FROM tenants WHERE id = '${id}'`)).toMatch(/^42501 /);
  const insert = (seq: string, previous: string): string =>
    `INSERT INTO audit (tenant_id, seq, actor, origin, action, object, previous_hash, hash)
      SELECT tenant_id, ${seq}, '{}', '{}', 'x', '{}', ${previous}, hash FROM audit_ends`;
  for (const statement of [insert("seq + 2", "hash"), insert("seq", "hash"), insert("seq + 1", "'x'")])
    expect(await refused(statement), statement).toMatch(/^23000 audit record/);
  // The privilege of the server's role is gone as well, not only the trigger there.
  await query(server, "ALTER TABLE audit DISABLE TRIGGER USER");
  for (const statement of ["UPDATE audit SET hash = hash", "DELETE FROM audit", "TRUNCATE audit"])
    expect(await refused(statement), statement).toBe("42501 permission denied for table audit");
  await query(server, "ALTER TABLE audit ENABLE TRIGGER USER");
});

interface Answer {
  readonly valid: boolean;
  readonly records: number;
  readonly head: string;
  readonly anchor: string;
  readonly breach?: string;
}
const verify = (...anchors: readonly string[]): Promise<Answer> =>
  get(`${LOGS}/verify?${new URLSearchParams(anchors.map((one): [string, string] => ["anchor", one]))}`);

/** How to change each column of a record. */
const CHANGES: Readonly<Record<string, string>> = {
  tenant_id: "OTHER",
  seq: "seq + 1000",
  at: "at + interval '1 microsecond'",
  actor: `jsonb_set(actor, '{email}', '"innocent@example.com"')`,
  origin: `origin || '{"address": "192.0.2.1"}'`,
  action: "'delete'",
  object: `object - 'email'`,
  change: "change || ' '",
  difference: `difference || '{"x": {"after": 1}}'`,
  request_id: "NULL",
  previous_hash: "decode(repeat('00', 31) || '01', 'hex')",
  hash: "decode(repeat('00', 32), 'hex')",
};

test("a change of any column of any record is found, and the first such record is named", async () => {
  const whole = await verify();
  const { records } = whole;
  expect(whole).toEqual({ valid: true, records, head: expect.stringMatching(/^[0-9a-f]{64}$/), anchor: whole.anchor });
  const columns = await query<{ name: string }>(
    server,
    "SELECT column_name AS name FROM information_schema.columns WHERE table_name = 'audit'",
  );
  expect(columns.map(({ name }) => name).toSorted()).toEqual(Object.keys(CHANGES).toSorted());
  const other = randomUUID();
  await query(server, "INSERT INTO tenants (id, name, token) VALUES ($1, $2, $2)", other, "elsewhere");
  for (const [column, change] of Object.entries(CHANGES))
    for (let seq = 1; seq <= records; seq += 1)
      await onCopy(async () => {
        const value = change === "OTHER" ? `'${other}'` : change;
        // Otherwise row-level security refuses to give a row to another tenant.
        await query(server, "ALTER TABLE audit NO FORCE ROW LEVEL SECURITY");
        await tamper(`UPDATE audit SET ${column} = ${value} WHERE seq = ${seq}`);
        const isGone = column === "tenant_id" || column === "seq";
        const breach = !isGone ? "CHANGED" : seq === records && column === "tenant_id" ? "CUT" : "MISSING";
        expect(await verify(), `${column} of ${seq}`).toMatchObject({
          ...{ valid: false, broken_at: seq, records: seq - 1, breach },
        });
        if (column === "tenant_id") await tamper(`DELETE FROM audit WHERE tenant_id = '${other}'`);
        await query(server, "ALTER TABLE audit FORCE ROW LEVEL SECURITY");
      });
  expect(await verify()).toEqual(whole);
});

test("a chain to which people append while it is verified is whole", async () => {
  const other = await startTestServer();
  const append = async (): Promise<void> => {
    const { postgres } = other.server.services;
    const entry = { actor: {}, origin: {}, action: "x", object: { type: "x", id: "x" } };
    for (let n = 0; n < 150; n += 1)
      await postgres.inTenant(other.tenant.id, (session) => writeAudit(session, other.tenant.id, entry));
  };
  let isOver = false;
  const verdicts = new Set<string>();
  const verifying = Array.from({ length: 3 }, async () => {
    while (!isOver) {
      const { valid, breach } = (await (await other.request("GET", `${LOGS}/verify`)).json()) as Answer;
      verdicts.add(`${valid} ${breach}`);
    }
  });
  await append();
  isOver = true;
  await Promise.all(verifying);
  expect([...verdicts]).toEqual(["true undefined"]);
  await other.close();
});

test("a gap, another order, and an end that is cut off are found", async () => {
  const { records } = await verify();
  for (const [statement, at, breach] of [
    ["DELETE FROM audit WHERE seq = 2", 2, "MISSING"],
    [`DELETE FROM audit WHERE seq = ${records}`, records, "CUT"],
    ["DELETE FROM audit", 1, "CUT"],
    ["UPDATE audit SET seq = CASE seq WHEN 1 THEN -2 ELSE -1 END WHERE seq < 3", 1, "MISSING"],
  ] as const)
    await onCopy(async () => {
      await tamper(statement, "UPDATE audit SET seq = -seq WHERE seq < 0");
      const expected = statement.startsWith("UPDATE") ? { broken_at: at } : { broken_at: at, breach };
      expect(await verify(), statement).toMatchObject({ valid: false, ...expected });
    });
});

/** Writes the records from `seq` on anew, as somebody would who knows how the hashes are made. */
async function forge(seq: number, last: number): Promise<void> {
  const { id } = server.tenant;
  const rows = await query<AuditRecord & { previous_hash: Buffer } & Record<string, unknown>>(
    server,
    `SELECT *, request_id AS "requestId" FROM audit WHERE seq >= $1 ORDER BY seq`,
    seq,
  );
  let previous = rows[0]?.previous_hash ?? Buffer.alloc(32);
  const statements: string[] = [`DELETE FROM audit WHERE seq > ${last}`];
  for (const row of rows.filter((one) => one.seq <= last)) {
    const hash = hashRecord(previous, id, { ...row, change: "nothing" });
    statements.push(
      `UPDATE audit SET change = 'nothing', previous_hash = '\\x${previous.toString("hex")}',
        hash = '\\x${hash.toString("hex")}' WHERE seq = ${row.seq}`,
    );
    previous = hash;
  }
  await tamper(...statements, `UPDATE audit_ends SET seq = ${last}, hash = '\\x${previous.toString("hex")}'`);
}

test("a log that was written anew as a whole is found by an anchor from before", async () => {
  const whole = await verify();
  const { records, head, anchor } = whole;
  expect(anchor).toBe(anchorText({ tenant: server.tenant.id, seq: records, hash: head }));
  expect(await verify(anchor)).toEqual(whole);
  const [second] = await query<{ hash: Buffer }>(server, "SELECT hash FROM audit WHERE seq = 2");
  const early = anchorText({ tenant: server.tenant.id, seq: 2, hash: second?.hash.toString("hex") ?? "" });
  await onCopy(async () => {
    await forge(3, records);
    // Without an anchor, nobody can know.
    expect(await verify()).toMatchObject({ valid: true, records });
    expect(await verify(early)).toMatchObject({ valid: true });
    expect(await verify(anchor)).toMatchObject({ valid: false, broken_at: 1, breach: "REWRITTEN" });
    expect(await verify(anchor, early)).toMatchObject({ valid: false, broken_at: 3, breach: "REWRITTEN" });
  });
  await onCopy(async () => {
    await forge(records, records - 1);
    expect(await verify()).toMatchObject({ valid: true, records: records - 1 });
    expect(await verify(anchor)).toMatchObject({ valid: false, broken_at: records, breach: "CUT" });
  });
  // Only the end beside the records: the records go on behind it.
  await onCopy(async () => {
    await tamper("UPDATE audit_ends SET seq = seq - 1");
    expect(await verify()).toMatchObject({ valid: false, broken_at: records, breach: "REWRITTEN" });
  });
  const wrong = await server.request("GET", `${LOGS}/verify?anchor=switchback-audit:x`);
  expect([wrong.status, await wrong.json()]).toMatchObject([400, { code: "REQUEST_INVALID" }]);
});
