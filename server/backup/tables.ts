import type { Session } from "../adapters/postgres/postgres.ts";

/** A table as a backup sees it. */
export interface Table {
  readonly name: string;
  readonly isOfTenant: boolean;
  /** Without those that PostgreSQL computes. */
  readonly columns: readonly string[];
  /** The column that counts up by itself. */
  readonly identity: string | undefined;
}

/** All tables, each after those that it refers to. The list of migrations is left out: a restore writes it. */
export async function listTables(session: Session): Promise<readonly Table[]> {
  const columns = await session.raw<{ table: string; column: string; identity: boolean }>(
    `SELECT c.relname AS table, a.attname AS column, a.attidentity <> '' AS identity
       FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid
      WHERE c.relnamespace = 'public'::regnamespace AND c.relkind = 'r' AND c.relname <> 'migrations'
        AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = ''
      ORDER BY c.relname, a.attnum`,
  );
  const references = await session.raw<{ from: string; to: string }>(
    `SELECT conrelid::regclass::text AS from, confrelid::regclass::text AS to FROM pg_constraint
      WHERE contype = 'f' AND conrelid <> confrelid`,
  );
  const left = new Set(columns.map(({ table }) => table));
  const sorted: Table[] = [];
  while (left.size > 0) {
    const free = [...left].filter((name) => !references.some(({ from, to }) => from === name && left.has(to)));
    if (free.length === 0) throw new Error(`tables refer to each other: ${[...left].join(" ")}`);
    for (const name of free) {
      left.delete(name);
      const own = columns.filter(({ table }) => table === name);
      sorted.push({
        name,
        isOfTenant: own.some(({ column }) => column === "tenant_id") && !SHARED.has(name),
        columns: own.map(({ column }) => column),
        identity: own.find(({ identity }) => identity)?.column,
      });
    }
  }
  return sorted;
}

/** They name a tenant, and have no row-level security: all rows are seen at once. */
const SHARED: ReadonlySet<string> = new Set([
  ...[
    "logins",
    "jobs",
    "outbox",
    "rollout_clocks",
    "webhook_queues",
    "audit_ends",
    "audit_streams",
    "enrolment_tokens",
  ],
  ...["provider_tenants", "sign_ins", "handovers"],
]);
