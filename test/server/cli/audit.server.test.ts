import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pino } from "pino";
import { afterAll, beforeAll, expect, test } from "vitest";
import { anchorAudit } from "../../../server/jobs/anchor-audit.ts";
import { command } from "../../support/server/command.ts";
import { query } from "../../support/server/seed.ts";
import { startTestServer, type TestServer } from "../../support/server/test-server.ts";

const USERS = "/api/management/v1/useradm/users";
let server: TestServer;
let folder: string;
beforeAll(async () => {
  server = await startTestServer();
  folder = await mkdtemp(join(tmpdir(), "audit-"));
  await writeFile(join(folder, "password"), "a long enough one");
});
afterAll(async () => {
  await server.close();
  await rm(folder, { recursive: true });
});

const verify = (...more: readonly string[]): Promise<readonly [number, string]> =>
  command("audit", "verify", "--database", server.databaseUrl, ...more);
const add = (name: string): Promise<Response> =>
  server.request("POST", USERS, { email: `${name}@example.com`, password: "a long enough one" });
const reset = ["user", "reset-password", "by-command@example.com"];

test("what operators do by the server's own command is recorded as theirs", async () => {
  const where = ["--database", server.databaseUrl, "--password-file", join(folder, "password")];
  expect((await command("user", "add", "by-command@example.com", ...where))[0]).toBe(0);
  expect((await command(...reset, ...where))[0]).toBe(0);
  const admin = ["--admin", "two@example.com", "--admin-password-file", join(folder, "password")];
  expect((await command("tenant", "add", "second", "--database", server.databaseUrl, ...admin))[0]).toBe(0);
  const rows = await query(server, "SELECT actor ->> 'type' AS actor, action, object ->> 'email' AS email FROM audit");
  expect(rows).toEqual([
    { actor: "operator", action: "create", email: "by-command@example.com" },
    { actor: "operator", action: "update", email: "by-command@example.com" },
  ]);
  const [, said] = await verify("--json");
  expect(
    said
      .trimEnd()
      .split("\n")
      .map((line) => JSON.parse(line)),
  ).toMatchObject([
    { tenant: "default", valid: true, records: 2 },
    { tenant: "second", valid: true, records: 1 },
  ]);
});

test("the anchors in the server's log find records that are cut off later", async () => {
  for (const name of ["a", "b"]) await add(name);
  const lines: string[] = [];
  const log = pino({ level: "info" }, { write: (line: string) => void lines.push(line) });
  const said = new Map<string, string>();
  const { postgres } = server.server.services;
  await anchorAudit(postgres, said, log);
  await anchorAudit(postgres, said, log);
  // One for each tenant: nothing has come between the two looks.
  expect(lines.map((line) => JSON.parse(line).records)).toHaveLength(2);
  const file = join(folder, "server.log");
  // Larger than a chunk of a file, so that anchors lie at its edges.
  for (const padding of [0, 65_536 - 200, 65_536 - 20, 65_536 - 10]) {
    await writeFile(file, `${"x".repeat(padding)}${lines.join("")}${"y".repeat(70_000)}`);
    expect(await verify("--tenant", "default", "--anchors", file)).toEqual([
      0,
      expect.stringContaining("all 4 records are as they were written; 1 anchor agrees."),
    ]);
  }
  await query(server, "ALTER TABLE audit DISABLE TRIGGER USER");
  await query(server, "ALTER TABLE audit_ends DISABLE TRIGGER USER");
  await query(server, "GRANT DELETE ON audit TO CURRENT_USER");
  await query(server, "DELETE FROM audit WHERE seq = 4");
  const [status, cut] = await verify("--tenant", "default");
  expect([status, cut]).toEqual([
    1,
    expect.stringContaining("default: record 4: it and all later records were cut off."),
  ]);
  expect(cut).toContain(
    "AUDIT_BROKEN: The audit log is not as it was written. (tenant: default, record: 4, breach: CUT)",
  );
  await query(
    server,
    "UPDATE audit_ends e SET seq = a.seq, hash = a.hash FROM audit a WHERE a.tenant_id = e.tenant_id AND a.seq = 3",
  );
  expect((await verify())[0]).toBe(0);
  expect(await verify("--anchors", file, "--json")).toEqual([
    1,
    expect.stringContaining('"broken_at":4,"breach":"CUT"'),
  ]);
});

test("a file without anchors is refused: nobody must believe that it was compared", async () => {
  for (const [file, reason] of [
    [join(folder, "password"), "it has no anchors"],
    [join(folder, "none"), "ENOENT"],
  ] as const) {
    const [status, said] = await verify("--anchors", file);
    expect([status, said]).toEqual([2, expect.stringContaining("OPTION_INVALID")]);
    expect(said).toContain(reason);
  }
});
