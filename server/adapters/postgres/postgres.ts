import {
  type Compilable,
  DummyDriver,
  Kysely,
  PostgresAdapter,
  PostgresIntrospector,
  PostgresQueryCompiler,
} from "kysely";
import pg from "pg";
import { EVERYTHING, type Sight } from "../../domain/permissions/grants.ts";
import { ServerError } from "../../errors/server-error.ts";
import type { Tables } from "./tables.ts";

/** Builds typed queries. It never connects: a `Session` sends what it builds. */
export const sql = new Kysely<Tables>({
  dialect: {
    createAdapter: () => new PostgresAdapter(),
    createDriver: () => new DummyDriver(),
    createIntrospector: (db) => new PostgresIntrospector(db),
    createQueryCompiler: () => new PostgresQueryCompiler(),
  },
});

/** One connection, in a transaction or for one statement. */
export interface Session {
  /** What the person sees for whom it works; everything, if it works for nobody. Queries that show or count ask for it. */
  readonly sight: Sight;
  /** All rows of the answer. */
  rows<T>(query: Compilable<T>): Promise<T[]>;
  /** The first row of the answer, if there is one. */
  first<T>(query: Compilable<T>): Promise<T | undefined>;
  /** How many rows the statement changed. */
  run(query: Compilable<unknown>): Promise<number>;
  /** A statement in SQL with $1, $2 ... */
  raw<T extends pg.QueryResultRow>(text: string, values?: readonly unknown[]): Promise<T[]>;
}

/** A statement that each connection prepares once. */
export interface Prepared {
  readonly name: string;
  readonly text: string;
}

/**
 * Access to PostgreSQL. Row-level security shows a session the rows of its tenant only.
 *
 * All methods throw a ServerError DATABASE_AWAY if the database cannot be reached, and DATABASE_REFUSED if it refuses
 * the role or the password. If that happens during a commit, the
 * transaction may have been kept.
 */
export interface Postgres {
  /**
   * Runs `work` in a transaction for one tenant. Commits when `work` resolves, and rolls back when it rejects. What was
   * committed survives a power cut. If PostgreSQL ends the transaction because others stand in its way, `work` runs
   * again: it must have no effect but through its session.
   */
  inTenant<T>(tenant: string, work: (session: Session) => Promise<T>, sight?: Sight): Promise<T>;
  /** One prepared statement for one tenant, without a transaction around it: for requests that come often. */
  prepared<T extends pg.QueryResultRow>(tenant: string, statement: Prepared, values: readonly unknown[]): Promise<T[]>;
  /** Runs `work` in a transaction without a tenant: it sees only the tables that have none. */
  shared<T>(work: (session: Session) => Promise<T>): Promise<T>;
  /**
   * Uses new connections from now on: those of before may lead to a server that has gone without a word. What is under
   * way on them has five seconds to end; then it fails with DATABASE_AWAY.
   */
  renew(): void;
  /** How many connections are open, idle, and how many requests wait for one. */
  usage(): { readonly total: number; readonly idle: number; readonly waiting: number };
  close(): Promise<void>;
}

// A bigint as a number, see tables.ts.
pg.types.setTypeParser(pg.types.builtins.INT8, Number);

export interface PostgresOptions {
  /** `postgresql://...`, or a folder with a unix socket as `host` in the query. */
  readonly url: string;
  /** Connections at most. */
  readonly connections?: number;
  /** Statements and transactions may take as long as they want: for migrations and backups. */
  readonly isPatient?: boolean;
  /** Hears of connections that break while they are idle. */
  readonly onError?: (error: Error) => void;
}

const UUID = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

/** A statement ends after so long. */
const STATEMENT_S = 30;
/** How long statements have on connections that are not trusted any more. */
const GRACE_MS = 5000;
/** A database that has not answered by then is away, although the connection looks whole. */
const SILENCE_MS = STATEMENT_S * 1000 + 3000;
/**
 * A process that stops in the middle of a transaction, with locks that others wait for, loses it after so long. No
 * transaction waits for anything but the database.
 */
const IDLE_S = 5;
const LIMITS = ` -c statement_timeout=${STATEMENT_S}s -c idle_in_transaction_session_timeout=${IDLE_S}s`;

export function connectPostgres({
  url,
  connections = 10,
  isPatient = false,
  onError = () => {},
}: PostgresOptions): Postgres {
  const pool = new pg.Pool({
    connectionString: url,
    max: connections,
    connectionTimeoutMillis: 3000,
    idleTimeoutMillis: 30_000,
    application_name: "switchback-server",
    options: `-c timezone=UTC${isPatient ? "" : LIMITS}`,
    keepAlive: true,
    ...(!isPatient && { query_timeout: SILENCE_MS }),
  });
  pool.on("error", onError);
  let age = 0;
  const ages = new WeakMap<pg.PoolClient, number>();
  const busy = new Set<pg.PoolClient>();
  pool.on("connect", (client) => ages.set(client, age));
  /** The tenant that a connection is set to outside of transactions. */
  const tenantOf = new WeakMap<pg.PoolClient, string>();

  async function connect(): Promise<pg.PoolClient> {
    for (;;) {
      const client = await pool.connect().catch((cause: unknown) => {
        throw unconnected(cause);
      });
      if (ages.get(client) === age) return client;
      client.release(true);
    }
  }

  async function withClient<T>(work: (client: pg.PoolClient) => Promise<T>): Promise<T> {
    const client = await connect();
    // Without a listener, an error of a broken connection would end the process. Its query rejects as well.
    const ignore = (): void => {};
    client.on("error", ignore);
    let broken: Error | undefined;
    busy.add(client);
    try {
      return await work(client);
    } catch (error) {
      if (!isAway(error)) throw error;
      broken = error;
      throw new ServerError("DATABASE_AWAY", {}, { cause: error, retryAfterS: 2 });
    } finally {
      busy.delete(client);
      client.off("error", ignore);
      client.release(broken);
    }
  }

  async function transaction<T>(begin: string, work: (session: Session) => Promise<T>, sight: Sight): Promise<T> {
    for (let attempt = 1; ; attempt += 1) {
      try {
        return await tryTransaction(begin, work, sight);
      } catch (error) {
        if (attempt === ATTEMPTS || !isVictim(error)) throw error;
      }
    }
  }

  function tryTransaction<T>(begin: string, work: (session: Session) => Promise<T>, sight: Sight): Promise<T> {
    return withClient(async (client) => {
      await client.query(begin);
      try {
        const result = await work(sessionOf(client, sight));
        await client.query("COMMIT");
        return result;
      } catch (error) {
        if (!isAway(error)) await client.query("ROLLBACK");
        throw error;
      }
    });
  }

  return {
    async inTenant(tenant, work, sight = EVERYTHING) {
      if (!UUID.test(tenant)) throw new TypeError(`not a tenant: ${tenant}`);
      return transaction(`BEGIN; SET LOCAL app.tenant = '${tenant}'`, work, sight);
    },
    async prepared(tenant, statement, values) {
      return withClient(async (client) => {
        if (tenantOf.get(client) !== tenant) {
          await client.query("SELECT set_config('app.tenant', $1, false)", [tenant]);
          tenantOf.set(client, tenant);
        }
        const { rows } = await client.query({ ...statement, values: [...values] });
        return rows;
      });
    },
    shared: (work) => transaction("BEGIN; SET LOCAL app.tenant = ''", work, EVERYTHING),
    renew() {
      age += 1;
      const old = [...busy];
      const end = (): void => {
        // A connection with a statement under way breaks at once, and its statement fails.
        for (const client of old) if (busy.has(client) && ages.get(client) !== age) void client.end();
      };
      setTimeout(end, GRACE_MS).unref();
    },
    usage: () => ({ total: pool.totalCount, idle: pool.idleCount, waiting: pool.waitingCount }),
    close: () => pool.end(),
  };
}

function sessionOf(client: pg.PoolClient, sight: Sight): Session {
  const send = async <T>(query: Compilable<T>): Promise<pg.QueryResult> => {
    const { sql: text, parameters } = query.compile();
    return client.query(text, [...parameters]);
  };
  return {
    sight,
    rows: async (query) => (await send(query)).rows,
    first: async (query) => (await send(query)).rows[0],
    run: async (query) => (await send(query)).rowCount ?? 0,
    raw: async (text, values = []) => (await client.query(text, [...values])).rows,
  };
}

/** How often a transaction is tried that others stand in the way of. */
const ATTEMPTS = 5;

/** Whether PostgreSQL ended the transaction because of a deadlock or another's change. */
const isVictim = (error: unknown): boolean =>
  error instanceof Error && "code" in error && (error.code === "40P01" || error.code === "40001");

/** States in which trying again does not help: wrong password or role, no such database. */
const REFUSED_STATES = /^(?:28|3D000|42501)/;
/** What PgBouncer says to options that it does not pass on. */
const UNSUPPORTED = /^unsupported startup parameter/;

/** The error for a connection that could not be made. */
export function unconnected(cause: unknown): ServerError {
  const retryAfterS = 2;
  const isRefused =
    cause instanceof Error &&
    (UNSUPPORTED.test(cause.message) || ("code" in cause && REFUSED_STATES.test(String(cause.code))));
  if (isRefused) return new ServerError("DATABASE_REFUSED", { reason: cause.message }, { cause, retryAfterS });
  return new ServerError("DATABASE_AWAY", {}, { cause, retryAfterS });
}

/**
 * Classes of SQLSTATE: connection, operator's intervention, resources; "cannot connect now"; a server that is a replica,
 * until it is promoted; a transaction that was ended because this process did not go on with it.
 */
const AWAY_STATES = /^(?:08|57P0|53|25006|25P03)/;
const AWAY_ERRNOS: ReadonlySet<string> = new Set([
  "ECONNREFUSED",
  "ECONNRESET",
  "ENOENT",
  "EPIPE",
  "ETIMEDOUT",
  "EACCES",
]);

/** Whether the database is away, in contrast to a statement that failed. */
function isAway(error: unknown): error is Error {
  if (!(error instanceof Error)) return false;
  const code = "code" in error && typeof error.code === "string" ? error.code : "";
  return (
    AWAY_STATES.test(code) ||
    AWAY_ERRNOS.has(code) ||
    /^Connection terminated|not queryable|^Query read timeout/.test(error.message)
  );
}
