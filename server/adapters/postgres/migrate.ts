import { ServerError } from "../../errors/server-error.ts";
import type { Postgres, Session } from "./postgres.ts";

/** A numbered change of the schema. `NNNN-name.sql` in the folder `migrations`. */
export interface Migration {
  readonly number: number;
  readonly name: string;
  readonly text: string;
  /**
   * The newest migration of the oldest program that still works on the database after this one: usually that of the
   * version before. The file says it in a line `-- oldest: NUMBER`.
   */
  readonly oldest: number;
}

/** Any number, the same in all versions: one process migrates, and the others wait for it. */
const LOCK = 7_340_521;

/**
 * Brings the schema up to the newest migration, each in a transaction of its own. Processes that call it at the same
 * time wait for each other. A power cut leaves a whole number of migrations. A database that a newer program has
 * migrated is left alone, as long as its migrations let this program work: a version and the one before it run side by
 * side.
 *
 * @returns the names of the migrations that it ran
 * @throws {ServerError} DATABASE_NEWER, DATABASE_AWAY
 */
export async function migrate(postgres: Postgres, migrations: readonly Migration[]): Promise<readonly string[]> {
  const ran: string[] = [];
  for (;;) {
    const name = await postgres.shared(async (session) => {
      await session.raw(`SELECT pg_advisory_xact_lock(${LOCK})`);
      await makeList(session);
      const [state] = await session.raw<{ newest: number; oldest: number }>(
        "SELECT coalesce(max(number), 0) AS newest, coalesce(max(oldest), 0) AS oldest FROM migrations",
      );
      const { newest, oldest } = state ?? { newest: 0, oldest: 0 };
      const known = migrations.at(-1)?.number ?? 0;
      if (oldest > known) throw new ServerError("DATABASE_NEWER", { database: newest, program: known });
      const next = migrations.find(({ number }) => number > newest);
      if (next === undefined) return undefined;
      await runMigration(session, next);
      return next.name;
    });
    if (name === undefined) return ran;
    ran.push(name);
  }
}

/** Makes the list of the migrations that a database has. */
export async function makeList(session: Session): Promise<void> {
  await session.raw(
    `CREATE TABLE IF NOT EXISTS migrations
       (number int PRIMARY KEY, name text NOT NULL, oldest int NOT NULL, at timestamptz NOT NULL DEFAULT now())`,
  );
}

/** Runs one migration and lists it. */
export async function runMigration(session: Session, { number, name, text, oldest }: Migration): Promise<void> {
  await session.raw(text);
  await session.raw("INSERT INTO migrations (number, name, oldest) VALUES ($1, $2, $3)", [number, name, oldest]);
}
