import pg from "pg";
import { ServerError } from "../../errors/server-error.ts";
import { connectPostgres, type Postgres, unconnected } from "./postgres.ts";

const OLDEST = 150_000;

interface Facts {
  readonly version: number;
  readonly shown: string;
  readonly role: string;
  readonly sees_all: boolean;
  readonly may_create: boolean;
  readonly has_schema: boolean;
}

/**
 * Looks whether a database that somebody else runs can be used.
 *
 * @throws {ServerError} DATABASE_AWAY, and DATABASE_REFUSED if waiting will not help
 */
export async function checkDatabase(url: string): Promise<void> {
  await refuseChangingConnections(url);
  const postgres = connectPostgres({ url, connections: 1 });
  try {
    await refuseUnfit(postgres);
  } finally {
    await postgres.close();
  }
}

/** @throws {ServerError} DATABASE_REFUSED for an old version, or a role with too many or too few rights */
export async function refuseUnfit(postgres: Pick<Postgres, "shared">): Promise<void> {
  const [facts] = await postgres.shared((session) =>
    session.raw<Facts & Record<string, unknown>>(
      `SELECT current_setting('server_version_num')::int AS version, current_setting('server_version') AS shown,
              rolname AS role, rolsuper OR rolbypassrls AS sees_all,
              has_schema_privilege('public', 'CREATE') AS may_create,
              to_regclass('public.migrations') IS NOT NULL AS has_schema
         FROM pg_roles WHERE rolname = current_user`,
    ),
  );
  const reason = facts === undefined ? "the role is unknown" : unfit(facts);
  if (reason !== undefined) throw new ServerError("DATABASE_REFUSED", { reason });
}

/**
 * Finds a pooler that gives each transaction another connection of PostgreSQL, or several clients the same one. LISTEN
 * and settings of the session are then those of whoever had the connection before.
 */
async function refuseChangingConnections(url: string): Promise<void> {
  const clients = [1, 2].map(() => new pg.Client({ connectionString: url, connectionTimeoutMillis: 3000 }));
  // Without a listener, an error of a broken connection would end the process. Its query rejects as well.
  for (const client of clients) client.on("error", () => {});
  try {
    await Promise.all(clients.map((client) => client.connect()));
    const [one, other] = clients as [pg.Client, pg.Client];
    // The first one asks twice: a pooler that takes its connections in turn shows it by that.
    const pids = [await pidOf(one), await pidOf(one), await pidOf(other)];
    if (pids[0] === pids[1] && pids[1] !== pids[2]) return;
  } catch (cause) {
    throw unconnected(cause);
  } finally {
    await Promise.all(clients.map((client) => client.end()));
  }
  const reason = "a pooler in between does not work in session mode";
  throw new ServerError("DATABASE_REFUSED", { reason });
}

const pidOf = async (client: pg.Client): Promise<unknown> =>
  (await client.query("SELECT pg_backend_pid() AS pid")).rows[0]?.pid;

function unfit({ version, shown, role, sees_all, may_create, has_schema }: Facts): string | undefined {
  if (version < OLDEST) return `it is PostgreSQL ${shown}, and 15 or newer is needed`;
  if (sees_all) return `the role ${role} is a superuser or bypasses row-level security, which keeps tenants apart`;
  if (!may_create && !has_schema) return `the role ${role} may not create tables in the schema public`;
  return undefined;
}
