import { countDeployments } from "./deployment-states.ts";
import type { Postgres } from "./postgres.ts";

/** What `status` tells about a database. */
export interface DatabaseState {
  /** The version of PostgreSQL. */
  readonly postgres: string;
  /** The number of the newest migration; 0 if there is no schema yet. */
  readonly schema: number;
  readonly tenants: number;
  readonly deployments: Readonly<Record<string, number>>;
}

/** @throws {ServerError} DATABASE_AWAY */
export async function readState(postgres: Postgres): Promise<DatabaseState> {
  const { version, schema } = await postgres.shared(async (session) => {
    const [row] = await session.raw<{ version: string; has: boolean }>(
      "SELECT current_setting('server_version') AS version, to_regclass('migrations') IS NOT NULL AS has",
    );
    const [newest] =
      row?.has === true ? await session.raw<{ n: number }>("SELECT coalesce(max(number), 0) AS n FROM migrations") : [];
    return { version: row?.version ?? "", schema: newest?.n ?? 0 };
  });
  if (schema === 0) return { postgres: version, schema, tenants: 0, deployments: {} };
  const tenants = await postgres.shared((session) => session.raw<{ n: number }>("SELECT count(*) AS n FROM tenants"));
  const deployments = Object.fromEntries(await countDeployments(postgres));
  return { postgres: version, schema, tenants: tenants[0]?.n ?? 0, deployments };
}
