import { execFile, spawn } from "node:child_process";
import { chownSync } from "node:fs";
import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import type { TestProject } from "vitest/node";
import { migrate } from "../../../server/adapters/postgres/migrate.ts";
import { connectPostgres } from "../../../server/adapters/postgres/postgres.ts";
import { readMigrations } from "../../../server/adapters/postgres/read-migrations.ts";

declare module "vitest" {
  interface ProvidedContext {
    /** The folder with the unix socket of the cluster. */
    postgresFolder: string;
  }
}

const run = promisify(execFile);

/** Starts one PostgreSQL for all test files of a run, with a migrated database from which each file makes a copy. */
export async function setup(project: TestProject): Promise<() => Promise<void>> {
  const bin = await binaries();
  const folder = await mkdtemp(join(tmpdir(), "switchback-postgres-"));
  const user = process.getuid?.() === 0 ? await userId("postgres") : undefined;
  if (user !== undefined) chownSync(folder, user.uid, user.gid);
  const options = user === undefined ? {} : { ...user, cwd: folder };
  const data = join(folder, "data");
  await run(
    join(bin, "initdb"),
    ["-D", data, "-U", "switchback", "-A", "trust", "-E", "UTF8", "--no-locale", "--no-sync"],
    options,
  );
  const settings = [
    "listen_addresses=",
    `unix_socket_directories=${folder}`,
    "max_connections=200",
    "shared_buffers=64MB",
  ];
  const server = spawn(join(bin, "postgres"), ["-D", data, ...settings.flatMap((one) => ["-c", one])], {
    ...options,
    stdio: "ignore",
  });
  await ready(bin, folder);
  const psql = (statement: string): Promise<unknown> =>
    run(join(bin, "psql"), ["-h", folder, "-U", "switchback", "-d", "postgres", "-c", statement], options);
  // Not a superuser, because row-level security does not hold for superusers.
  await psql("CREATE ROLE owner LOGIN CREATEDB");
  await psql("CREATE DATABASE template OWNER owner");
  const postgres = connectPostgres({ url: `postgresql://owner@/template?host=${folder}` });
  await migrate(postgres, await readMigrations());
  await postgres.close();
  project.provide("postgresFolder", folder);
  return async () => {
    server.kill("SIGINT");
    await new Promise((resolve) => server.once("exit", resolve));
    await rm(folder, { recursive: true, force: true });
  };
}

/** The folder of Debian's newest PostgreSQL. */
async function binaries(): Promise<string> {
  const versions = (await readdir("/usr/lib/postgresql")).toSorted((a, b) => Number(b) - Number(a));
  return join("/usr/lib/postgresql", versions[0] ?? "", "bin");
}

async function userId(name: string): Promise<{ uid: number; gid: number }> {
  const { stdout } = await run("getent", ["passwd", name]);
  const [, , uid, gid] = stdout.split(":");
  return { uid: Number(uid), gid: Number(gid) };
}

async function ready(bin: string, folder: string): Promise<void> {
  for (;;) {
    const isReady = await run(join(bin, "pg_isready"), ["-h", folder]).then(
      () => true,
      () => false,
    );
    if (isReady) return;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}
