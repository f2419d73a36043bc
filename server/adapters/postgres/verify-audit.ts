import type { Anchor } from "../../domain/audit/anchors.ts";
import { ChainCheck, type StoredRecord, type Verdict } from "../../domain/audit/verdict.ts";
import { RECORD } from "./audit.ts";
import type { Session } from "./postgres.ts";

const BATCH = 1000;

/**
 * Computes the hash of each record of a tenant anew, and compares the end with what the database says of it beside the
 * records, and with anchors from outside. Holds a thousand records at a time. It must be the first of its transaction:
 * all of it looks at one instant, and records that come meanwhile are not seen.
 */
export async function verifyAudit(session: Session, tenant: string, anchors: readonly Anchor[] = []): Promise<Verdict> {
  await session.raw("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY");
  const end = await readEnd(session, tenant);
  const check = new ChainCheck(
    tenant,
    anchors.filter((anchor) => anchor.tenant === tenant),
  );
  for (;;) {
    const rows = await session.raw<StoredRecord & Record<string, unknown>>(
      `SELECT ${RECORD}, hash, previous_hash, at = date_trunc('milliseconds', at) AS "isExact" FROM audit
        WHERE tenant_id = $1 AND seq > $2 ORDER BY seq LIMIT ${BATCH}`,
      [tenant, check.records],
    );
    for (const row of rows) {
      const verdict = check.next(row);
      if (verdict !== undefined) return verdict;
    }
    if (rows.length < BATCH) return check.end(end);
  }
}

/** The number and the hash of the last record, as the database keeps them beside the records. */
async function readEnd(session: Session, tenant: string): Promise<Anchor> {
  const [row] = await session.raw<{ seq: number; hash: Buffer }>(
    "SELECT seq, hash FROM audit_ends WHERE tenant_id = $1",
    [tenant],
  );
  return { tenant, seq: row?.seq ?? 0, hash: row?.hash.toString("hex") ?? "00".repeat(32) };
}

/** The ends of the audit logs of all tenants. */
export async function listEnds(session: Session): Promise<readonly Anchor[]> {
  const rows = await session.raw<{ tenant: string; seq: number; hash: Buffer }>(
    "SELECT tenant_id AS tenant, seq, hash FROM audit_ends ORDER BY tenant_id",
  );
  return rows.map(({ tenant, seq, hash }) => ({ tenant, seq, hash: hash.toString("hex") }));
}
