import { anchorText } from "../../domain/audit/anchors.ts";
import { type AuditRecord, hashRecord, NO_HASH } from "../../domain/audit/chain.ts";
import { differenceOf } from "../../domain/audit/difference.ts";
import { type Stretch, stretchOf, type Walk } from "../../domain/cursors/cursors.ts";
import { writeEvent } from "./events.ts";
import { type Session, sql } from "./postgres.ts";

export interface AuditEntry {
  readonly actor: Readonly<Record<string, unknown>>;
  readonly origin: Readonly<Record<string, unknown>>;
  /** Mender's words: create, update, delete, abort, reject, decommission ... */
  readonly action: string;
  readonly object: { readonly type: string; readonly id: string; readonly [key: string]: unknown };
  /** What changed, for people. */
  readonly change?: string;
  /** The thing before and after, as far as it matters: only members that differ are kept, and no secrets. */
  readonly before?: Readonly<Record<string, unknown>>;
  readonly after?: Readonly<Record<string, unknown>>;
  readonly requestId?: string;
}

/**
 * Appends a record to the audit log of a tenant. Each record has the hash of the one before it. Whoever appends waits for
 * those that have appended in transactions that have not ended, so it comes last in a transaction.
 */
export async function writeAudit(session: Session, tenant: string, entry: AuditEntry): Promise<void> {
  const { actor, origin, action, object, change = "", before, after, requestId = null } = entry;
  const end = await lockEnd(session, tenant);
  const seq = end.seq + 1;
  const at = new Date();
  const difference = differenceOf(before, after);
  const record = { seq, at, actor, origin, action, object, change, difference, requestId };
  const hash = hashRecord(end.hash, tenant, record);
  // A trigger moves the end, and refuses a record that does not follow it.
  await session.run(
    sql.insertInto("audit").values({
      ...{ tenant_id: tenant, seq, at, action, change, request_id: requestId, previous_hash: end.hash, hash },
      ...{ actor: JSON.stringify(actor), origin: JSON.stringify(origin), object: JSON.stringify(object) },
      difference: JSON.stringify(difference),
    }),
  );
  const anchor = anchorText({ tenant, seq, hash: hash.toString("hex") });
  const data = { seq, time: at.toISOString(), actor, origin, action, object, change, difference };
  await writeEvent(session, tenant, { type: "audit-recorded", data: { ...data, request_id: requestId, anchor } });
}

async function lockEnd(session: Session, tenant: string): Promise<{ readonly seq: number; readonly hash: Buffer }> {
  const find = () =>
    session.first(
      sql.selectFrom("audit_ends").select(["seq", "hash"]).where("tenant_id", "=", tenant).forNoKeyUpdate(),
    );
  const found = await find();
  if (found !== undefined) return found;
  await session.raw("INSERT INTO audit_ends (tenant_id, hash) VALUES ($1, $2) ON CONFLICT DO NOTHING", [
    tenant,
    NO_HASH,
  ]);
  const made = await find();
  if (made === undefined) throw new Error("the audit log has no end");
  return made;
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

export const RECORD = `seq, at, actor, origin, action, object, change, difference, request_id AS "requestId"`;
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
