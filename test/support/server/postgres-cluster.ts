import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pino } from "pino";
import type { TestProject } from "vitest/node";
import { migrate } from "../../../server/adapters/postgres/migrate.ts";
import { connectPostgres } from "../../../server/adapters/postgres/postgres.ts";
import { startPrivatePostgres } from "../../../server/adapters/postgres/private/private-postgres.ts";
import { readMigrations } from "../../../server/adapters/postgres/read-migrations.ts";

declare module "vitest" {
  interface ProvidedContext {
    /** The folder with the unix socket of the cluster. */
    postgresFolder: string;
  }
}

const SETTINGS = ["max_connections=200", "shared_buffers=64MB"];

/** Starts one PostgreSQL for all test files of a run, with a migrated database from which each file makes a copy. */
export async function setup(project: TestProject): Promise<() => Promise<void>> {
  // The temporary folder of the tests, which is in memory. This process does not have it in its environment.
  const parent = project.config.env["TMPDIR"] ?? tmpdir();
  const folder = await mkdtemp(join(parent, "postgres-"));
  const started = await startPrivatePostgres({ folder, log: pino({ level: "warn" }), settings: SETTINGS });
  const postgres = connectPostgres({ url: started.url });
  await migrate(postgres, await readMigrations());
  await postgres.close();
  project.provide("postgresFolder", folder);
  return async () => {
    await started.stop();
    await rm(folder, { recursive: true, force: true });
  };
}
