import { createHash } from "node:crypto";
import { promisify } from "node:util";
import { gzip } from "node:zlib";
import type { Postgres, Session } from "../adapters/postgres/postgres.ts";
import { listEnds } from "../adapters/postgres/verify-audit.ts";
import { anchorText } from "../domain/audit/anchors.ts";
import { ServerError } from "../errors/server-error.ts";
import { ArchiveWriter } from "./archive.ts";
import { listTables, type Table } from "./tables.ts";

/** Where a backup gets the bytes of Artifacts. */
export interface BackupSource {
  size(key: string): Promise<number | undefined>;
  get(key: string): Promise<AsyncIterable<Uint8Array> | undefined>;
}

export interface BackupSummary {
  readonly rows: number;
  readonly objects: number;
}

export interface WrittenBackup extends BackupSummary {
  /** Where the audit log of each tenant ended, for later checks. They are in the file as well. */
  readonly anchors: readonly string[];
}

/** How many rows are in memory at once. */
const ROWS = 1000;
/** Objects may be deleted between the look at the database and the copy; a new look then misses them. */
const ATTEMPTS = 20;

/** The name of the authority's key and certificate in a backup. Boards trust this authority for their lifetime. */
export const AUTHORITY_ENTRY = "authority.pem";

/**
 * Writes the database and the objects that it names into one file, while the server runs. The rows are those of one
 * instant. Objects never change: most are copied before that instant, the rest right after it, and if one of them has
 * been deleted by then, another instant is tried.
 *
 * @param authority key and certificate of the server's own authority, if it has one
 * @throws {ServerError} BACKUP_FAILED, DATABASE_AWAY
 */
export async function writeBackup(
  postgres: Postgres,
  source: BackupSource,
  authority: string | undefined,
  path: string,
): Promise<WrittenBackup> {
  let archive: ArchiveWriter | undefined;
  try {
    archive = await ArchiveWriter.create(path);
    if (authority !== undefined) await addText(archive, AUTHORITY_ENTRY, authority);
    const summary = await fill(archive, postgres, source);
    await archive.finish();
    return summary;
  } catch (cause) {
    await archive?.abandon();
    if (cause instanceof ServerError) throw cause;
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new ServerError("BACKUP_FAILED", { file: path, reason }, { cause });
  }
}

async function fill(archive: ArchiveWriter, postgres: Postgres, source: BackupSource): Promise<WrittenBackup> {
  const copied = new Set<string>();
  for (const key of await postgres.shared(listObjects)) if (await copyObject(archive, source, key)) copied.add(key);
  for (let attempt = 1; attempt <= ATTEMPTS; attempt += 1) {
    const copy = await postgres.shared(async (session) => {
      await session.raw("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY");
      const keys = await listObjects(session);
      for (const key of keys)
        if (!copied.has(key)) {
          if (!(await copyObject(archive, source, key))) return undefined;
          copied.add(key);
        }
      return copyRows(archive, session, keys);
    });
    if (copy !== undefined) return { ...copy, objects: copied.size };
  }
  throw new ServerError("BACKUP_FAILED", { reason: "Artifacts were deleted all the time" });
}

/** The keys of all Artifacts of all tenants. */
async function listObjects(session: Session): Promise<readonly string[]> {
  const keys: string[] = [];
  for (const tenant of await tenantsOf(session)) {
    await session.raw("SELECT set_config('app.tenant', $1, true)", [tenant]);
    const rows = await session.raw<{ object_key: string }>("SELECT object_key FROM artifacts WHERE tenant_id = $1", [
      tenant,
    ]);
    keys.push(...rows.map((row) => row.object_key));
  }
  return [...new Set(keys)];
}

const tenantsOf = async (session: Session): Promise<readonly string[]> =>
  (await session.raw<{ id: string }>("SELECT id FROM tenants ORDER BY id")).map(({ id }) => id);

/** @returns false if there is no such object any more */
async function copyObject(archive: ArchiveWriter, source: BackupSource, key: string): Promise<boolean> {
  const size = await source.size(key);
  const bytes = size === undefined ? undefined : await source.get(key);
  if (size === undefined || bytes === undefined) return false;
  await archive.add(`objects/${key}`, size, bytes);
  return true;
}

async function copyRows(
  archive: ArchiveWriter,
  session: Session,
  keys: readonly string[],
): Promise<Omit<WrittenBackup, "objects">> {
  const [newest] = await session.raw<{ n: number }>("SELECT max(number) AS n FROM migrations");
  await addText(archive, "schema.json", JSON.stringify({ format: 1, schema: newest?.n ?? 0 }));
  const tenants = await tenantsOf(session);
  const hash = createHash("sha256");
  let rows = 0;
  let part = 0;
  for (const table of await listTables(session))
    for (const tenant of table.isOfTenant ? tenants : [""])
      for await (const lines of rowsOf(session, table, tenant)) {
        part += 1;
        rows += lines.length;
        const text = lines.join("\n");
        hash.update(text);
        const name = `rows/${String(part).padStart(8, "0")}-${table.name}-${tenant === "" ? "all" : tenant}.jsonl.gz`;
        await addBytes(archive, name, await promisify(gzip)(text));
      }
  const anchors = (await listEnds(session)).map(anchorText);
  const end = { rows, parts: part, sha256: hash.digest("hex"), objects: keys, anchors };
  await addText(archive, "end.json", JSON.stringify(end));
  return { rows, anchors };
}

async function* rowsOf(session: Session, table: Table, tenant: string): AsyncGenerator<readonly string[]> {
  await session.raw("SELECT set_config('app.tenant', $1, true)", [tenant]);
  const columns = table.columns.map((column) => `"${column}"`).join(", ");
  const where = tenant === "" ? "" : `WHERE tenant_id = '${tenant}'`;
  await session.raw(
    `DECLARE backup NO SCROLL CURSOR FOR SELECT row_to_json(r)::text AS line FROM (SELECT ${columns} FROM "${table.name}" ${where}) r`,
  );
  for (;;) {
    const rows = await session.raw<{ line: string }>(`FETCH ${ROWS} FROM backup`);
    if (rows.length > 0) yield rows.map(({ line }) => line);
    if (rows.length < ROWS) break;
  }
  await session.raw("CLOSE backup");
}

const addBytes = (archive: ArchiveWriter, name: string, content: Buffer): Promise<void> =>
  archive.add(name, content.length, [content]);

const addText = (archive: ArchiveWriter, name: string, text: string): Promise<void> =>
  addBytes(archive, name, Buffer.from(text));
