import { mkdir, readFile, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { openObjects } from "../adapters/objects/open-objects.ts";
import { connectPostgres } from "../adapters/postgres/postgres.ts";
import { readMigrations } from "../adapters/postgres/read-migrations.ts";
import { AUTHORITY_FILE } from "../adapters/tls/authority.ts";
import { readBackup } from "../backup/read-backup.ts";
import { writeBackup } from "../backup/write-backup.ts";
import type { Config } from "../config/config.ts";
import { ServerError } from "../errors/server-error.ts";
import { tlsFolder } from "../listeners/certificate.ts";
import type { ServerIo } from "./io.ts";
import { configOf, type Flags } from "./options.ts";
import { makeDataFolder, withDatabaseUrl } from "./with-database.ts";

const authorityFile = ({ data }: Config): string => join(tlsFolder(data), AUTHORITY_FILE);

/** What `backup` does, also while the server runs. @throws {ServerError} BACKUP_FAILED, DATABASE_AWAY, STORAGE_AWAY, STORAGE_REFUSED */
export async function backup(file: string, flags: Flags, io: ServerIo): Promise<void> {
  const { config } = await configOf(flags, io);
  const summary = await withDatabaseUrl(config, "backup", io, async (url) => {
    const objects = await openObjects(config.storage);
    const postgres = connectPostgres({ url, connections: 1, isPatient: true });
    try {
      const authority = await readFile(authorityFile(config), "utf8").catch(() => undefined); // ignored: there is none.
      return await writeBackup(postgres, objects, authority, file);
    } finally {
      await postgres.close();
      await objects.close();
    }
  });
  io.out(
    `Wrote ${file}: ${summary.rows} rows and ${summary.objects} files of Artifacts. It holds keys: keep it secret.`,
  );
  for (const anchor of summary.anchors) io.out(anchor);
}

/** What `restore` does. @throws {ServerError} BACKUP_INVALID, RESTORE_REFUSED, DATABASE_NEWER, DATABASE_AWAY, STORAGE_AWAY... */
export async function restore(file: string, flags: Flags, io: ServerIo): Promise<void> {
  const { config } = await configOf(flags, io);
  await makeDataFolder(config.data);
  const restored = await withDatabaseUrl(config, "restore", io, async (url) => {
    const objects = await openObjects(config.storage);
    const postgres = connectPostgres({ url, connections: 2, isPatient: true });
    try {
      return await readBackup(postgres, objects, await readMigrations(), file);
    } finally {
      await postgres.close();
      await objects.close();
    }
  });
  if (restored.authority !== undefined) await putAuthority(authorityFile(config), restored.authority);
  io.out(`Restored ${restored.rows} rows and ${restored.objects} files of Artifacts.`);
}

/** Boards trust the authority of the backup, so the server must have that one. One that is there stays. */
async function putAuthority(path: string, text: string): Promise<void> {
  await mkdir(join(path, ".."), { recursive: true, mode: 0o700 });
  await writeFile(path, text, { mode: 0o600, flag: "wx", flush: true }).catch(async (cause: NodeJS.ErrnoException) => {
    if (cause.code === "EEXIST" && (await stat(path)).size > 0) return;
    throw new ServerError("CONFIG_INVALID", { file: path, reason: cause.message }, { cause });
  });
}
