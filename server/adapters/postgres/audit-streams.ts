import type { SyslogRecord } from "../../domain/audit/syslog.ts";
import { RECORD } from "./audit.ts";
import type { Postgres } from "./postgres.ts";

/** The log of a tenant that this process sends to a collector, and no other one. */
export interface StreamClaim {
  readonly tenant: string;
  readonly destination: string;
  /** The number of the last record that has arrived. */
  readonly seq: number;
  /** Attempts that have failed since one has succeeded. */
  readonly failures: number;
}

/** A process that has not said how it went by then has crashed, and another one sends. */
const CLAIM_S = 60;

/** Takes logs that have records which the collector has not got, beginning with the first record that there ever was. */
export async function claimStreams(postgres: Postgres, destination: string, limit: number): Promise<StreamClaim[]> {
  return postgres.shared(async (session) => {
    await session.raw(
      `INSERT INTO audit_streams (tenant_id, destination) SELECT tenant_id, $1 FROM audit_ends e
        WHERE NOT EXISTS (SELECT FROM audit_streams s WHERE s.tenant_id = e.tenant_id AND s.destination = $1)
        ON CONFLICT DO NOTHING`,
      [destination],
    );
    return session.raw<StreamClaim & Record<string, unknown>>(
      `UPDATE audit_streams a SET claimed_until = now() + interval '${CLAIM_S} seconds'
        FROM (SELECT s.tenant_id, s.destination FROM audit_streams s JOIN audit_ends e ON e.tenant_id = s.tenant_id
          WHERE s.destination = $1 AND s.seq < e.seq AND s.due_at <= now()
            AND (s.claimed_until IS NULL OR s.claimed_until <= now())
          ORDER BY s.due_at LIMIT $2 FOR UPDATE OF s SKIP LOCKED) AS due
        WHERE a.tenant_id = due.tenant_id AND a.destination = due.destination
        RETURNING a.tenant_id AS tenant, a.destination, a.seq, a.failures`,
      [destination, limit],
    );
  });
}

/** The next records, in their order. */
export function readRecords(postgres: Postgres, { tenant, seq }: StreamClaim, limit: number): Promise<SyslogRecord[]> {
  return postgres.inTenant(tenant, (session) =>
    session.raw<SyslogRecord & Record<string, unknown>>(
      `SELECT tenant_id AS tenant, hash, ${RECORD} FROM audit WHERE tenant_id = $1 AND seq > $2 ORDER BY seq LIMIT $3`,
      [tenant, seq, limit],
    ),
  );
}

/** The records up to a number have arrived. What another process has sent meanwhile stays sent. */
export async function advanceStream(
  postgres: Postgres,
  { tenant, destination }: StreamClaim,
  seq: number,
): Promise<void> {
  await postgres.shared((session) =>
    session.raw(
      `UPDATE audit_streams SET seq = greatest(seq, $3), failures = 0, claimed_until = NULL
        WHERE tenant_id = $1 AND destination = $2`,
      [tenant, destination, seq],
    ),
  );
}

/** It is not certain that they have arrived: they are sent again. */
export async function failStream(
  postgres: Postgres,
  { tenant, destination }: StreamClaim,
  retryAfterS: number,
): Promise<void> {
  await postgres.shared((session) =>
    session.raw(
      `UPDATE audit_streams SET failures = failures + 1, claimed_until = NULL,
        due_at = now() + make_interval(secs => $3::float8) WHERE tenant_id = $1 AND destination = $2`,
      [tenant, destination, retryAfterS],
    ),
  );
}
