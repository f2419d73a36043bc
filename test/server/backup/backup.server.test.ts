import { randomUUID } from "node:crypto";
import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Readable } from "node:stream";
import pg from "pg";
import { pino } from "pino";
import { afterAll, beforeAll, expect, inject, test } from "vitest";
import { migrate } from "../../../server/adapters/postgres/migrate.ts";
import { connectPostgres, type Postgres } from "../../../server/adapters/postgres/postgres.ts";
import { readMigrations } from "../../../server/adapters/postgres/read-migrations.ts";
import { readBackup } from "../../../server/backup/read-backup.ts";
import { listTables } from "../../../server/backup/tables.ts";
import { writeBackup } from "../../../server/backup/write-backup.ts";
import { composeServer } from "../../../server/compose.ts";
import { logIn, startTestServer, type TestServer } from "../../support/server/test-server.ts";

/** Keeps objects in memory, and can delete one while it is asked for another. */
class MemoryObjects {
  readonly kept = new Map<string, Buffer>();
  /** Runs before each read. */
  before: (key: string) => Promise<void> = async () => {};
  async size(key: string) {
    await this.before(key);
    return this.kept.get(key)?.length;
  }
  async get(key: string) {
    const found = this.kept.get(key);
    return found && Readable.from([found.subarray(0, 1), found.subarray(1)]);
  }
  async put(key: string, content: AsyncIterable<Uint8Array>) {
    const chunks: Uint8Array[] = [];
    for await (const chunk of content) chunks.push(chunk);
    this.kept.set(key, Buffer.concat(chunks));
  }
  async delete(key: string) {
    this.kept.delete(key);
  }
}

let server: TestServer;
let folder: string;
let file: string;
const objects = new MemoryObjects();
const USERS = "/api/management/v1/useradm/users";
const databases: Postgres[] = [];
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "backup-"));
  file = join(folder, "backup.tar");
  server = await startTestServer();
});
afterAll(async () => {
  for (const database of databases) await database.close();
  await server.close();
  await rm(folder, { recursive: true });
});

const postgres = (): Postgres => server.server.services.postgres;

/** An empty database. */
async function empty(): Promise<{ readonly postgres: Postgres; readonly url: string }> {
  const host = inject("postgresFolder");
  const name = `empty_${randomUUID().replaceAll("-", "")}`;
  const client = new pg.Client(`postgresql://switchback@/postgres?host=${host}`);
  await client.connect();
  await client.query(`CREATE DATABASE ${name} TEMPLATE template0`);
  await client.end();
  const url = `postgresql://switchback@/${name}?host=${host}`;
  const made = connectPostgres({ url, connections: 3 });
  databases.push(made);
  return { postgres: made, url };
}

async function addArtifact(tenant: string, key: string, bytes: string): Promise<void> {
  objects.kept.set(key, Buffer.from(bytes));
  await postgres().inTenant(tenant, async (session) => {
    await session.raw("INSERT INTO releases (tenant_id, name) VALUES ($1, $2)", [tenant, key]);
    await session.raw(
      `INSERT INTO artifacts (tenant_id, id, name, object_key, size, sha256, format_version, signed, device_types, depends, provides, updates)
       VALUES ($1, $2, $3, $3, 5, 'x', 3, false, '{"a b",c}', '{"n": [1, null, "\\u00e4"]}', '{}', '[]')`,
      [tenant, randomUUID(), key],
    );
  });
}

/** All rows of a tenant as text, to compare. */
async function contentOf(database: Postgres, tenant: string): Promise<unknown> {
  return database.inTenant(tenant, async (session) => {
    const found: Record<string, unknown> = {};
    for (const { name, isOfTenant } of await listTables(session)) {
      const where = isOfTenant ? `WHERE tenant_id = '${tenant}'` : "";
      found[name] = await session.raw(`SELECT r::text AS row FROM "${name}" r ${where} ORDER BY 1`);
    }
    return found;
  });
}

test("a backup that is written while Artifacts come and go is restored as of one instant", async () => {
  const { id } = server.tenant;
  const other = randomUUID();
  await postgres().shared((session) =>
    session.raw("INSERT INTO tenants (id, name, token) VALUES ($1, 'other', 'token')", [other]),
  );
  await addArtifact(id, "first", "first");
  await addArtifact(id, "goes", "goes!");
  await addArtifact(other, "theirs", "yours");
  await postgres().inTenant(other, (session) =>
    session.raw(
      `INSERT INTO devices (tenant_id, id, identity, identity_hash, status)
       SELECT $1, gen_random_uuid(), jsonb_build_object('mac', n), decode(lpad(to_hex(n), 64, '0'), 'hex'), 'pending'
         FROM generate_series(1, 2500) n`,
      [other],
    ),
  );
  const remove = async (key: string): Promise<void> => {
    await postgres().inTenant(id, (session) => session.raw("DELETE FROM artifacts WHERE object_key = $1", [key]));
    objects.kept.delete(key);
  };
  const asked = new Set<string>();
  objects.before = async (key) => {
    if (asked.has(key)) return;
    asked.add(key);
    // After the first look: one Artifact is deleted, and one is added.
    if (key === "first") {
      await remove("goes");
      await addArtifact(id, "comes", "comes");
    }
    // After the instant of the rows: the same, so that another instant must be taken.
    if (key === "comes") {
      await remove("comes");
      await addArtifact(id, "later", "later");
    }
  };
  await server.request("POST", USERS, { email: "audited@example.com", password: "a long enough one" });
  // The rows are compared later, and events move when they get their numbers.
  await expect.poll(() => postgres().shared((session) => session.raw("SELECT FROM outbox"))).toEqual([]);
  const { anchors, ...written } = await writeBackup(postgres(), objects, "key and certificate", file);
  expect(written.objects).toBe(3);
  expect(anchors).toEqual([expect.stringMatching(`^switchback-audit:${id}:1:[0-9a-f]{64}$`)]);
  expect((await readFile(file)).includes(anchors[0] ?? "")).toBe(true);
  const into = new MemoryObjects();
  const { postgres: restored, url } = await empty();
  const result = await readBackup(restored, into, await readMigrations(), file);
  expect(result).toEqual({ ...written, authority: "key and certificate" });
  expect([...into.kept].map(([key, bytes]) => [key, bytes.toString()]).toSorted()).toEqual([
    ["first", "first"],
    ["later", "later"],
    ["theirs", "yours"],
  ]);
  for (const tenant of [id, other])
    expect(await contentOf(restored, tenant)).toEqual(await contentOf(postgres(), tenant));
  // The restored server takes over: tokens are valid, and new rows get numbers of their own.
  const storage = { kind: "folder", folder: join(folder, "objects") } as const;
  const second = await composeServer({ databaseUrl: url, storage, log: pino({ level: "fatal" }), checkAnswers: true });
  const address = await second.app.listen({ host: "127.0.0.1", port: 0 });
  const authorization = `Bearer ${server.token}`;
  const users = await fetch(`${address}${USERS}`, { headers: { authorization } });
  expect(users.status).toBe(200);
  // The audit log goes on where it was, and is kept as before.
  const body = JSON.stringify({ email: "later@example.com", password: "a long enough one" });
  const json = { authorization, "content-type": "application/json" };
  expect((await fetch(`${address}${USERS}`, { method: "POST", headers: json, body })).status).toBe(201);
  const verify = `${address}/api/management/v1/auditlogs/logs/verify?anchor=${anchors[0]}`;
  expect(await (await fetch(verify, { headers: { authorization } })).json()).toMatchObject({ valid: true, records: 2 });
  await expect(restored.inTenant(id, (session) => session.raw("UPDATE audit_ends SET seq = 1"))).rejects.toThrow(
    "appended only",
  );
  await logIn(address, "admin@example.com", "correct horse battery");
  await second.app.close();
  await second.close();
});

/** Leaves out the first member with devices. */
function withoutRows(bytes: Buffer): Buffer {
  for (let at = 0; at < bytes.length; ) {
    const size = Number.parseInt(bytes.toString("latin1", at + 124, at + 135), 8);
    const next = at + 512 + Math.ceil(size / 512) * 512;
    if (/^rows\/\d+-devices-/.test(bytes.toString("latin1", at, at + 100)))
      return Buffer.concat([bytes.subarray(0, at), bytes.subarray(next)]);
    at = next;
  }
  return expect.fail("no rows of devices");
}

for (const [title, damage] of [
  ["was cut off", (bytes: Buffer) => bytes.subarray(0, bytes.length - 4096)],
  [
    "has another byte in its rows",
    (bytes: Buffer) => Buffer.from(bytes).fill(1, bytes.length - 8192, bytes.length - 8191),
  ],
  ["lacks some of its rows", withoutRows],
  ["is something else", () => Buffer.from("something else")],
] as const)
  test(`a backup that ${title} is refused, and leaves the database empty`, async () => {
    const damaged = join(folder, "damaged.tar");
    await writeFile(damaged, damage(await readFile(file)));
    const { postgres: database } = await empty();
    await expect(readBackup(database, new MemoryObjects(), await readMigrations(), damaged)).rejects.toMatchObject({
      code: "BACKUP_INVALID",
    });
    await readBackup(database, new MemoryObjects(), await readMigrations(), file);
  });

test("a database that has a schema already, and a backup of a newer version, are refused", async () => {
  const { postgres: database } = await empty();
  await expect(readBackup(database, new MemoryObjects(), [], file)).rejects.toMatchObject({ code: "DATABASE_NEWER" });
  await migrate(database, await readMigrations());
  const again = readBackup(database, new MemoryObjects(), await readMigrations(), file);
  await expect(again).rejects.toMatchObject({ code: "RESTORE_REFUSED" });
});

test("a backup that cannot be written leaves nothing", async () => {
  objects.before = async () => {
    throw new Error("the store fails");
  };
  const failing = writeBackup(postgres(), objects, undefined, join(folder, "failed.tar"));
  await expect(failing).rejects.toMatchObject({ code: "BACKUP_FAILED", detail: { reason: "the store fails" } });
  const nowhere = writeBackup(postgres(), objects, undefined, join(folder, "none", "x.tar"));
  await expect(nowhere).rejects.toMatchObject({ code: "BACKUP_FAILED" });
  expect((await readdir(folder)).filter((name) => name.includes("failed"))).toEqual([]);
});
