import { execFile } from "node:child_process";
import { chmod, chown, mkdir, readFile, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import pg from "pg";
import { ServerError } from "../../../errors/server-error.ts";
import type { Binaries } from "./binaries.ts";
import { asUser } from "./child.ts";
import type { ServiceUser } from "./service-user.ts";

/** PostgreSQL's superuser. The application never connects as this role. */
const SUPERUSER = "postgres";
/** The role of the application, and its database. */
const APPLICATION = "switchback";

/** The major version that made the data, if there are any. */
export async function versionOf(data: string): Promise<number | undefined> {
  const text = await readFile(join(data, "PG_VERSION"), "utf8").catch(() => undefined); // ignored: there are no data.
  return text === undefined ? undefined : Number.parseInt(text, 10);
}

/** The folder around the data, which only the service user and root may enter: there is no password inside. */
export async function makeFolder(folder: string, user: ServiceUser | undefined): Promise<void> {
  await mkdir(folder, { recursive: true, mode: 0o700 });
  if (user !== undefined) await chown(folder, user.uid, user.gid);
  await chmod(folder, 0o700);
}

/**
 * Makes an empty cluster. It gets its name when it is complete, so a crash leaves none or a whole one.
 *
 * @throws {ServerError} DATABASE_START with what `initdb` printed
 */
export async function makeCluster(data: string, binaries: Binaries, user: ServiceUser | undefined): Promise<void> {
  const folder = join(data, "..");
  const unfinished = `${data}.new`;
  await rm(unfinished, { recursive: true, force: true });
  const options = ["-U", SUPERUSER, "-A", "trust", "-E", "UTF8", "--no-locale", "--data-checksums"];
  try {
    await promisify(execFile)(join(binaries.folder, "initdb"), ["-D", unfinished, ...options], asUser(user, folder));
  } catch (cause) {
    const text = cause instanceof Error && "stderr" in cause ? String(cause.stderr) : String(cause);
    const reason = text.trim().split("\n").join(" | ");
    const hint = user === undefined ? {} : { "who runs it": `uid ${user.uid} must be able to enter the folders above` };
    throw new ServerError("DATABASE_START", { reason, path: folder, ...hint }, { cause });
  }
  try {
    await rename(unfinished, data);
  } catch (cause) {
    await rm(unfinished, { recursive: true, force: true });
    throw new ServerError("DATABASE_START", { reason: "the folder holds something else", path: data }, { cause });
  }
}

/**
 * Makes the role and the database of the application, if they are not there. The role is no superuser, because row-level
 * security does not hold for superusers.
 *
 * @returns the URL for the application
 */
export async function makeDatabase(socketFolder: string): Promise<string> {
  const client = new pg.Client({ host: socketFolder, user: SUPERUSER, database: "postgres" });
  await client.connect();
  try {
    const { rows: roles } = await client.query("SELECT 1 FROM pg_roles WHERE rolname = $1", [APPLICATION]);
    if (roles.length === 0) await client.query(`CREATE ROLE ${APPLICATION} LOGIN CREATEDB`);
    const { rows: databases } = await client.query("SELECT 1 FROM pg_database WHERE datname = $1", [APPLICATION]);
    if (databases.length === 0) await client.query(`CREATE DATABASE ${APPLICATION} OWNER ${APPLICATION}`);
  } finally {
    await client.end();
  }
  return privateUrl(socketFolder);
}

export const privateUrl = (socketFolder: string, database = APPLICATION): string =>
  `postgresql://${APPLICATION}@/${database}?host=${encodeURIComponent(socketFolder)}`;
