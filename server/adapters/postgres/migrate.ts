import { ServerError } from "../../errors/server-error.ts";
import type { Postgres } from "./postgres.ts";

/** A numbered change of the schema. `NNNN-name.sql` in the folder `migrations`. */
export interface Migration {
  readonly number: number;
  readonly name: string;
  readonly text: string;
}

/** Any number, the same in all versions: one process migrates, and the others wait for it. */
const LOCK = 7_340_521;

/**
 * Brings the schema up to the newest migration, each in a transaction of its own. Processes that call it at the same
 * time wait for each other. A power cut leaves a whole number of migrations.
 *
 * @returns the names of the migrations that it ran
 * @throws {ServerError} DATABASE_NEWER, DATABASE_AWAY
 */
export async function migrate(postgres: Postgres, migrations: readonly Migration[]): Promise<readonly string[]> {
  const ran: string[] = [];
  for (;;) {
    const name = await postgres.shared(async (session) => {
      await session.raw(`SELECT pg_advisory_xact_lock(${LOCK})`);
      await session.raw(
        "CREATE TABLE IF NOT EXISTS migrations (number int PRIMARY KEY, name text NOT NULL, at timestamptz NOT NULL DEFAULT now())",
      );
      const rows = await session.raw<{ number: number; name: string }>("SELECT number, name FROM migrations");
      const newest = Math.max(0, ...rows.map(({ number }) => number));
      const known = migrations.at(-1)?.number ?? 0;
      if (newest > known) throw new ServerError("DATABASE_NEWER", { database: newest, program: known });
      const next = migrations.find(({ number }) => number > newest);
      if (next === undefined) return undefined;
      await session.raw(next.text);
      await session.raw("INSERT INTO migrations (number, name) VALUES ($1, $2)", [next.number, next.name]);
      return next.name;
    });
    if (name === undefined) return ran;
    ran.push(name);
  }
}
