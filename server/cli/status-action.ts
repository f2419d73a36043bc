import { join } from "node:path";
import { VERSION } from "../../src/version.ts";
import { lockDataFolder } from "../adapters/data-folder/data-lock.ts";
import { connectPostgres } from "../adapters/postgres/postgres.ts";
import { privateUrl } from "../adapters/postgres/private/make-cluster.ts";
import { readPostmaster } from "../adapters/postgres/private/postmaster.ts";
import { readMigrations } from "../adapters/postgres/read-migrations.ts";
import { readState } from "../adapters/postgres/state.ts";
import type { Config } from "../config/config.ts";
import { describeServerError, ServerError } from "../errors/server-error.ts";
import type { ServerIo } from "./io.ts";
import { configOf, type Flags } from "./options.ts";

/** What `status` does. It changes nothing, and starts nothing. */
export async function status(flags: Flags, io: ServerIo): Promise<void> {
  const { config } = await configOf(flags, io);
  const url = await databaseUrl(config);
  const pid = config.database === undefined ? await serverOf(config.data) : undefined;
  const database = url === undefined ? { reason: "PostgreSQL does not run" } : await look(url);
  const schema = (await readMigrations()).at(-1)?.number ?? 0;
  const isUp = !("reason" in database) && (config.database !== undefined || pid !== undefined);
  io.exitCode = isUp ? 0 : 1;
  if (flags["json"] === true) {
    io.out(JSON.stringify({ up: isUp, version: VERSION, schema, data: config.data, pid: pid ?? null, database }));
    return;
  }
  io.out(`Version   ${VERSION}, schema ${schema}`);
  if (config.database === undefined) io.out(`Server    ${pid === undefined ? "does not run" : `runs, process ${pid}`}`);
  if ("reason" in database) io.out(`Database  ${database.reason}`);
  else {
    io.out(`Database  PostgreSQL ${database.postgres}, schema ${database.schema}, ${database.tenants} tenants`);
    for (const [what, n] of Object.entries(database.deployments)) io.out(`          deployments ${what}: ${n}`);
  }
}

/** The process of the server that uses a data folder. */
async function serverOf(data: string): Promise<number | undefined> {
  try {
    await (await lockDataFolder(data, "status", 0)).release();
    return undefined;
  } catch (error) {
    if (!(error instanceof ServerError)) return undefined; // There is no such folder.
    return error.detail["command"] === "start" ? Number(error.detail["pid"]) : undefined;
  }
}

async function databaseUrl({ database, data }: Config): Promise<string | undefined> {
  if (database !== undefined) return database;
  const running = await readPostmaster(join(data, "postgres", "data"));
  return running?.isReady === true ? privateUrl(running.socketFolder) : undefined;
}

async function look(url: string) {
  const postgres = connectPostgres({ url, connections: 1 });
  try {
    return await readState(postgres);
  } catch (error) {
    if (error instanceof ServerError) return { reason: describeServerError(error) };
    throw error;
  } finally {
    await postgres.close();
  }
}
