import { writeFile } from "node:fs/promises";
import { migrate } from "../adapters/postgres/migrate.ts";
import { connectPostgres } from "../adapters/postgres/postgres.ts";
import { readMigrations } from "../adapters/postgres/read-migrations.ts";
import { openAuthority } from "../adapters/tls/authority.ts";
import { ServerError } from "../errors/server-error.ts";
import { tlsFolder } from "../listeners/certificate.ts";
import type { ServerIo } from "./io.ts";
import { configOf, type Flags, textOf } from "./options.ts";
import { makeDataFolder, withDatabaseUrl } from "./with-database.ts";

/** What `migrate` does. @throws {ServerError} DATABASE_NEWER, DATABASE_AWAY */
export async function migrateDatabase(flags: Flags, io: ServerIo): Promise<void> {
  const { config } = await configOf(flags, io);
  const ran = await withDatabaseUrl(config, "migrate", io, async (url) => {
    const postgres = connectPostgres({ url, connections: 1 });
    try {
      return await migrate(postgres, await readMigrations());
    } finally {
      await postgres.close();
    }
  });
  for (const name of ran) io.out(`Ran ${name}.`);
  if (ran.length === 0) io.out("The schema is up to date.");
}

/** What `ca` does: prints the certificate of the authority, which it makes if there is none yet. */
export async function showAuthority(flags: Flags, io: ServerIo): Promise<void> {
  const { config } = await configOf(flags, io);
  if (config.tls.kind !== "auto")
    throw new ServerError("OPTION_INVALID", { tls: config.tls.kind, reason: "the certificate comes from elsewhere" });
  await makeDataFolder(config.data);
  const { caCert } = await openAuthority(tlsFolder(config.data), new Date());
  const output = textOf(flags, "output");
  if (output === undefined) for (const line of caCert.trimEnd().split(/\r?\n/)) io.out(line);
  else
    await writeFile(output, caCert).catch((cause: unknown) => {
      const reason = cause instanceof Error ? cause.message : String(cause);
      throw new ServerError("OPTION_INVALID", { option: "--output", reason }, { cause });
    });
}
