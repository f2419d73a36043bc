import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { type DataLock, lockDataFolder } from "../adapters/data-folder/data-lock.ts";
import { checkDatabase } from "../adapters/postgres/fitness.ts";
import { migrate } from "../adapters/postgres/migrate.ts";
import { connectPostgres, type Postgres } from "../adapters/postgres/postgres.ts";
import { privateUrl } from "../adapters/postgres/private/make-cluster.ts";
import { readPostmaster } from "../adapters/postgres/private/postmaster.ts";
import { startPrivatePostgres } from "../adapters/postgres/private/private-postgres.ts";
import { readMigrations } from "../adapters/postgres/read-migrations.ts";
import type { Config } from "../config/config.ts";
import { ServerError } from "../errors/server-error.ts";
import { createLogger } from "../logging/logger.ts";
import type { ServerIo } from "./io.ts";

/** Other users need no list of what is in it, but PostgreSQL's user must get through. */
export async function makeDataFolder(folder: string): Promise<void> {
  await mkdir(folder, { recursive: true, mode: 0o711 });
}

export const clusterFolder = (data: string): string => join(data, "postgres");

const PATIENCE_MS = 30_000;
const POLL_MS = 100;

/**
 * Runs a command on the database: that of `--database`, or the private one. If the server runs, its PostgreSQL is used.
 * If not, PostgreSQL is started for the time of the command; another command waits for its end.
 *
 * @throws {ServerError} what `work` throws, and DATABASE_AWAY, DATABASE_REFUSED, DATABASE_START, DATABASE_MISSING, DATA_FOLDER_BUSY
 */
export async function withDatabaseUrl<T>(
  config: Config,
  command: string,
  io: ServerIo,
  work: (url: string) => Promise<T>,
): Promise<T> {
  if (config.database !== undefined) {
    await checkDatabase(config.database);
    return work(config.database);
  }
  await makeDataFolder(config.data);
  const until = performance.now() + PATIENCE_MS;
  for (;;) {
    const lock = await lockDataFolder(config.data, command, 0).catch((error: unknown) => {
      if (!(error instanceof ServerError) || error.code !== "DATA_FOLDER_BUSY") throw error;
      return error;
    });
    if (!(lock instanceof ServerError)) return withOwnPostgres(config, lock, io, work);
    const running = await readPostmaster(join(clusterFolder(config.data), "data"));
    if (lock.detail["command"] === "start" && running?.isReady === true) return work(privateUrl(running.socketFolder));
    if (performance.now() >= until) throw lock;
    await sleep(POLL_MS);
  }
}

async function withOwnPostgres<T>(
  { data }: Config,
  lock: DataLock,
  io: ServerIo,
  work: (url: string) => Promise<T>,
): Promise<T> {
  try {
    const started = await startPrivatePostgres({ folder: clusterFolder(data), log: createLogger("error", io.logTo) });
    try {
      return await work(started.url);
    } finally {
      await started.stop();
    }
  } finally {
    await lock.release();
  }
}

/** Like `withDatabaseUrl`, with a connection and the newest schema. */
export function withDatabase<T>(
  config: Config,
  command: string,
  io: ServerIo,
  work: (postgres: Postgres) => Promise<T>,
): Promise<T> {
  return withDatabaseUrl(config, command, io, async (url) => {
    const postgres = connectPostgres({ url, connections: 2, isPatient: true });
    try {
      await migrate(postgres, await readMigrations());
      return await work(postgres);
    } finally {
      await postgres.close();
    }
  });
}
