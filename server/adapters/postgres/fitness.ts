import { ServerError } from "../../errors/server-error.ts";
import { connectPostgres } from "./postgres.ts";

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
  const postgres = connectPostgres({ url, connections: 1 });
  try {
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
  } finally {
    await postgres.close();
  }
}

function unfit({ version, shown, role, sees_all, may_create, has_schema }: Facts): string | undefined {
  if (version < OLDEST) return `it is PostgreSQL ${shown}, and 15 or newer is needed`;
  if (sees_all) return `the role ${role} is a superuser or bypasses row-level security, which keeps tenants apart`;
  if (!may_create && !has_schema) return `the role ${role} may not create tables in the schema public`;
  return undefined;
}
