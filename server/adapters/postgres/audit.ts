import { type AuditRecord, hashRecord, NO_HASH } from "../../domain/audit-chain.ts";
import { type Stretch, stretchOf, type Walk } from "../../domain/cursors/cursors.ts";
import { writeEvent } from "./events.ts";
import { type Session, sql } from "./postgres.ts";

export interface AuditEntry {
  readonly actor: Readonly<Record<string, unknown>>;
  /** Mender's words: create, update, delete, abort, reject, decommission ... */
  readonly action: string;
  readonly object: { readonly type: string; readonly id: string; readonly [key: string]: unknown };
  /** What changed, for people. */
  readonly change?: string;
  readonly requestId?: string;
}

/** Appends a record to the audit log of a tenant. Each record has the hash of the one before it. */
export async function writeAudit(session: Session, tenant: string, entry: AuditEntry): Promise<void> {
  await session.raw("SELECT pg_advisory_xact_lock(hashtextextended($1, 1))", [tenant]);
  const last = await session.first(
    sql.selectFrom("audit").select(["seq", "hash"]).where("tenant_id", "=", tenant).orderBy("seq", "desc").limit(1),
  );
  const { actor, action, object, change = "", requestId = null } = entry;
  const seq = (last?.seq ?? 0) + 1;
  const at = new Date();
  const previous = last?.hash ?? NO_HASH;
  const hash = hashRecord(previous, { seq, at, actor, action, object, change, requestId });
  await session.run(
    sql.insertInto("audit").values({
      ...{ tenant_id: tenant, seq, at, action, change, request_id: requestId, previous_hash: previous, hash },
      ...{ actor: JSON.stringify(actor), object: JSON.stringify(object) },
    }),
  );
  const data = { seq, time: at.toISOString(), actor, action, object, change, request_id: requestId };
  await writeEvent(session, tenant, { type: "audit-recorded", data: { ...data, hash: hash.toString("hex") } });
}

export interface AuditFilter {
  readonly actorId?: string | undefined;
  readonly actorEmail?: string | undefined;
  readonly objectType?: string | undefined;
  readonly objectId?: string | undefined;
  /** A part of the name of a deployment. */
  readonly deploymentName?: string | undefined;
  readonly after?: Date | undefined;
  readonly before?: Date | undefined;
}

const RECORD = `seq, at, actor, action, object, change, request_id AS "requestId"`;
const WHERE = `tenant_id = $1
  AND ($2::text IS NULL OR actor ->> 'id' = $2) AND ($3::text IS NULL OR actor ->> 'email' = $3)
  AND ($4::text IS NULL OR object ->> 'type' = $4) AND ($5::text IS NULL OR object ->> 'id' = $5)
  AND ($6::text IS NULL OR (object ->> 'type' = 'deployment' AND position($6 IN object ->> 'name') > 0))
  AND ($7::timestamptz IS NULL OR at >= $7) AND ($8::timestamptz IS NULL OR at <= $8)`;

const valuesOf = (tenant: string, filter: AuditFilter): unknown[] => [
  ...[tenant, filter.actorId ?? null, filter.actorEmail ?? null, filter.objectType ?? null, filter.objectId ?? null],
  ...[filter.deploymentName ?? null, filter.after ?? null, filter.before ?? null],
];

export function listAudit(
  session: Session,
  tenant: string,
  filter: AuditFilter,
  { sort, offset, limit }: { readonly sort: "asc" | "desc"; readonly offset: number; readonly limit: number },
): Promise<AuditRecord[]> {
  return session.raw<AuditRecord & Record<string, unknown>>(
    `SELECT ${RECORD} FROM audit WHERE ${WHERE} ORDER BY seq ${sort === "asc" ? "ASC" : "DESC"} OFFSET $9 LIMIT $10`,
    [...valuesOf(tenant, filter), offset, limit],
  );
}

/** The records after a position, by their numbers. */
export async function walkAudit(
  session: Session,
  tenant: string,
  filter: AuditFilter,
  { sort, after, limit }: Walk & { readonly sort: "asc" | "desc" },
): Promise<Stretch<AuditRecord>> {
  const rows = await session.raw<AuditRecord & Record<string, unknown>>(
    `SELECT ${RECORD} FROM audit WHERE ${WHERE} AND ($9::bigint IS NULL OR seq ${sort === "asc" ? ">" : "<"} $9)
      ORDER BY seq ${sort === "asc" ? "ASC" : "DESC"} LIMIT $10`,
    [...valuesOf(tenant, filter), after?.[0] ?? null, limit + 1],
  );
  return stretchOf(rows, limit, ({ seq }) => [String(seq)]);
}

/** How many records a filter finds. Without a filter, the number of the last record: none is ever removed. */
export async function countAudit(session: Session, tenant: string, filter: AuditFilter): Promise<number> {
  const isOpen = Object.values(filter).every((value) => value === undefined);
  const [row] = isOpen
    ? await session.raw<{ n: number }>("SELECT max(seq) AS n FROM audit WHERE tenant_id = $1", [tenant])
    : await session.raw<{ n: number }>(`SELECT count(*) AS n FROM audit WHERE ${WHERE}`, valuesOf(tenant, filter));
  return row?.n ?? 0;
}

/** What a look at the whole chain says. */
export interface ChainState {
  readonly records: number;
  /** The first record that is not what was written, or that is missing. */
  readonly brokenAt: number | undefined;
  /** The hash of the last record, in hexadecimal. Who keeps it notices if records vanish from the end. */
  readonly head: string;
}

const BATCH = 1000;

/** Computes the hash of each record anew. */
export async function verifyAudit(session: Session, tenant: string): Promise<ChainState> {
  let previous: Buffer = NO_HASH;
  let records = 0;
  for (;;) {
    const rows = await session.raw<AuditRecord & { hash: Buffer; previous_hash: Buffer } & Record<string, unknown>>(
      `SELECT ${RECORD}, hash, previous_hash FROM audit WHERE tenant_id = $1 AND seq > $2 ORDER BY seq LIMIT ${BATCH}`,
      [tenant, records],
    );
    for (const row of rows) {
      const isNext = row.seq === records + 1 && row.previous_hash.equals(previous);
      if (!isNext || !hashRecord(previous, row).equals(row.hash))
        return { records, brokenAt: records + 1, head: previous.toString("hex") };
      previous = row.hash;
      records += 1;
    }
    if (rows.length < BATCH) return { records, brokenAt: undefined, head: previous.toString("hex") };
  }
}
