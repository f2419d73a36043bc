import { createHash } from "node:crypto";
import { type FileHandle, open } from "node:fs/promises";
import { promisify } from "node:util";
import { gunzip } from "node:zlib";
import { DEFAULT_LIMITS } from "../../src/artifact/limits.ts";
import { TarScanner } from "../../src/artifact/tar/scanner.ts";
import { type Migration, makeList, migrate, runMigration } from "../adapters/postgres/migrate.ts";
import type { Postgres, Session } from "../adapters/postgres/postgres.ts";
import { ServerError } from "../errors/server-error.ts";
import { listTables, type Table } from "./tables.ts";
import { AUTHORITY_ENTRY, type BackupSummary } from "./write-backup.ts";

/** Where a restore puts the bytes of Artifacts. */
export interface RestoreTarget {
  put(key: string, content: AsyncIterable<Uint8Array>): Promise<void>;
  delete(key: string): Promise<void>;
}

export interface Restored extends BackupSummary {
  readonly authority: string | undefined;
}

const SCHEMA_BYTES = 1000;
const CHUNK_BYTES = 256 * 1024;

/**
 * Restores a backup into an empty database and a store. The rows come in one transaction, so a restore that fails
 * leaves the database empty; objects that it has written by then are replaced by the next one. A backup of an older
 * version is brought up to the newest schema afterwards.
 *
 * @throws {ServerError} BACKUP_INVALID, RESTORE_REFUSED, DATABASE_NEWER, DATABASE_AWAY
 */
export async function readBackup(
  postgres: Postgres,
  target: RestoreTarget,
  migrations: readonly Migration[],
  path: string,
): Promise<Restored> {
  await refuseUnlessEmpty(postgres);
  const summary = await postgres.shared(async (session) => {
    return new Restore(session, target, migrations, path).run();
  });
  await migrate(postgres, migrations);
  return summary;
}

async function refuseUnlessEmpty(postgres: Postgres): Promise<void> {
  const tables = await postgres.shared((session) =>
    session.raw<{ relname: string }>(
      "SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind = 'r' LIMIT 1",
    ),
  );
  if (tables.length > 0) throw new ServerError("RESTORE_REFUSED", { table: tables[0]?.relname ?? "" });
}

class Restore {
  readonly #session: Session;
  readonly #target: RestoreTarget;
  readonly #migrations: readonly Migration[];
  readonly #path: string;
  readonly #hash = createHash("sha256");
  readonly #objects = new Set<string>();
  #tables = new Map<string, Table>();
  #authority: string | undefined;
  #rows = 0;
  #parts = 0;

  constructor(session: Session, target: RestoreTarget, migrations: readonly Migration[], path: string) {
    this.#session = session;
    this.#target = target;
    this.#migrations = migrations;
    this.#path = path;
  }

  async run(): Promise<Restored> {
    let file: FileHandle | undefined;
    let isWhole = false;
    try {
      file = await open(this.#path, "r");
      const opened = file;
      const read = async (into: Uint8Array) => (await opened.read(into, 0, into.length)).bytesRead;
      const source = { read, close: async () => {} };
      const archive = new TarScanner(source, this.#path, { ...DEFAULT_LIMITS, members: Number.MAX_SAFE_INTEGER });
      for (let member = await archive.next(); member !== undefined; member = await archive.next()) {
        const { name } = member;
        const content = contentOf(archive);
        if (name.startsWith("objects/")) await this.#object(name.slice("objects/".length), content);
        else if (name === AUTHORITY_ENTRY) this.#authority = (await whole(content)).toString();
        else if (name === "schema.json") await this.#schema(await whole(content));
        else if (name.startsWith("rows/")) await this.#part(name, await whole(content));
        else if (name === "end.json") isWhole = await this.#end(await whole(content));
        else throw this.#invalid(`unknown entry ${name}`);
      }
    } catch (cause) {
      if (cause instanceof ServerError) throw cause;
      throw this.#invalid(cause instanceof Error ? cause.message : String(cause), cause);
    } finally {
      await file?.close();
    }
    if (!isWhole) throw this.#invalid("its end is missing");
    return { rows: this.#rows, objects: this.#objects.size, authority: this.#authority };
  }

  async #object(key: string, content: AsyncIterable<Uint8Array>): Promise<void> {
    await this.#target.put(key, content);
    this.#objects.add(key);
  }

  /** Makes the schema of the version that wrote the backup. */
  async #schema(content: Buffer): Promise<void> {
    const { format, schema } = JSON.parse(content.subarray(0, SCHEMA_BYTES).toString());
    const known = this.#migrations.at(-1)?.number ?? 0;
    if (format !== 1 || schema > known) throw new ServerError("DATABASE_NEWER", { database: schema, program: known });
    await makeList(this.#session);
    for (const migration of this.#migrations.filter(({ number }) => number <= schema))
      await runMigration(this.#session, migration);
    this.#tables = new Map((await listTables(this.#session)).map((table) => [table.name, table]));
    // Triggers have done their work before the backup.
    for (const { name } of this.#tables.values()) await this.#session.raw(`ALTER TABLE "${name}" DISABLE TRIGGER USER`);
  }

  async #part(name: string, content: Buffer): Promise<void> {
    const [, tableName = "", tenant = ""] = /^rows\/\d+-([a-z_]+)-([0-9a-f-]{36}|all)\.jsonl\.gz$/.exec(name) ?? [];
    const table = this.#tables.get(tableName);
    if (table === undefined) throw this.#invalid(`unknown entry ${name}`);
    const text = (await promisify(gunzip)(content)).toString();
    this.#hash.update(text);
    const lines = text.split("\n");
    await this.#session.raw("SELECT set_config('app.tenant', $1, true)", [tenant === "all" ? "" : tenant]);
    const columns = table.columns.map((column) => `"${column}"`).join(", ");
    await this.#session.raw(
      `INSERT INTO "${table.name}" (${columns}) OVERRIDING SYSTEM VALUE
       SELECT ${columns} FROM json_populate_recordset(NULL::"${table.name}", $1::json)`,
      [`[${lines.join(",")}]`],
    );
    this.#rows += lines.length;
    this.#parts += 1;
  }

  async #end(content: Buffer): Promise<boolean> {
    const { rows, parts, sha256, ...more } = JSON.parse(content.toString());
    const objects: readonly string[] = more.objects;
    if (rows !== this.#rows || parts !== this.#parts || sha256 !== this.#hash.digest("hex"))
      throw this.#invalid("rows are missing");
    const lost = objects.find((key) => !this.#objects.has(key));
    if (lost !== undefined) throw this.#invalid(`the object ${lost} is missing`);
    // Copied, and deleted before the instant of the rows.
    for (const key of this.#objects)
      if (!objects.includes(key)) {
        await this.#target.delete(key);
        this.#objects.delete(key);
      }
    for (const { name, identity } of this.#tables.values()) {
      await this.#session.raw(`ALTER TABLE "${name}" ENABLE TRIGGER USER`);
      if (identity === undefined) continue;
      await this.#session.raw(
        `ALTER TABLE "${name}" ALTER COLUMN "${identity}" RESTART WITH ${await this.#next(name, identity)}`,
      );
    }
    return true;
  }

  /** A number above all that were given out, of whichever tenant. */
  async #next(table: string, identity: string): Promise<number> {
    const tenants = await this.#session.raw<{ id: string }>("SELECT id FROM tenants");
    let next = 1;
    for (const { id } of tenants) {
      await this.#session.raw("SELECT set_config('app.tenant', $1, true)", [id]);
      const [row] = await this.#session.raw<{ n: number | null }>(`SELECT max("${identity}") AS n FROM "${table}"`);
      next = Math.max(next, (row?.n ?? 0) + 1);
    }
    return next;
  }

  #invalid(reason: string, cause?: unknown): ServerError {
    return new ServerError("BACKUP_INVALID", { file: this.#path, reason }, cause === undefined ? {} : { cause });
  }
}

/** The bytes of the member at which the archive is. */
async function* contentOf(archive: TarScanner): AsyncGenerator<Buffer> {
  for (;;) {
    const chunk = Buffer.allocUnsafe(CHUNK_BYTES);
    const count = await archive.read(chunk);
    if (count === 0) return;
    yield chunk.subarray(0, count);
  }
}

async function whole(content: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of content) chunks.push(chunk);
  return Buffer.concat(chunks);
}
