import {
  type Failures,
  failureText,
  type LoginFailure,
  type LoginProof,
  loginText,
} from "../../domain/audit/logins.ts";
import { type AuditEntry, writeAudit } from "./audit.ts";
import type { Postgres, Session } from "./postgres.ts";

/** Who logs in, or tries to, and how they asked for it. */
export interface LoginRecord extends Pick<AuditEntry, "origin" | "requestId"> {
  readonly user: string;
  readonly email: string;
}

/**
 * Failed logins of an account have at most one record in so long, with their number. An attacker can make one record an
 * hour for each account, and no failure stays out of the log.
 */
const EVERY = "1 hour";

/** Records a login, and what has failed before it. It comes last in the transaction that begins the session. */
export async function recordLogin(
  session: Session,
  tenant: string,
  { user, email, origin, requestId }: LoginRecord,
  jti: string,
  proof: LoginProof,
): Promise<void> {
  const failures = await takeFailures(session, tenant, user);
  await writeAudit(session, tenant, {
    ...{ actor: { type: "user", id: user, email, session: jti }, origin, action: "login" },
    ...{ object: { type: "session", id: jti }, change: loginText(proof, failures) },
    ...(requestId !== undefined && { requestId }),
  });
}

/** Counts a failed login, and records all that are not recorded yet unless there was a record within the hour. */
export async function noteFailedLogin(
  session: Session,
  tenant: string,
  record: LoginRecord,
  why: LoginFailure,
): Promise<void> {
  const [row] = await session.raw<{ due: boolean }>(
    `INSERT INTO login_failures (tenant_id, user_id, unrecorded, since, origin) VALUES ($1, $2, 1, now(), $3)
      ON CONFLICT (tenant_id, user_id) DO UPDATE SET unrecorded = login_failures.unrecorded + 1,
        since = coalesce(login_failures.since, now()), origin = excluded.origin
      RETURNING recorded_at IS NULL OR recorded_at < now() - interval '${EVERY}' AS due`,
    [tenant, record.user, JSON.stringify(record.origin)],
  );
  if (row?.due === true) await recordFailures(session, tenant, record, why);
}

async function recordFailures(
  session: Session,
  tenant: string,
  { user, email, origin, requestId }: LoginRecord,
  why: LoginFailure | undefined,
): Promise<void> {
  const failures = await takeFailures(session, tenant, user);
  if (failures.count === 0) return;
  await session.raw("UPDATE login_failures SET recorded_at = now() WHERE tenant_id = $1 AND user_id = $2", [
    ...[tenant, user],
  ]);
  await writeAudit(session, tenant, {
    ...{ actor: { type: "anonymous", id: "anonymous" }, origin, action: "login_failed" },
    ...{ object: { type: "user", id: user, email }, change: failureText(failures, why) },
    ...(requestId !== undefined && { requestId }),
  });
}

async function takeFailures(session: Session, tenant: string, user: string): Promise<Failures> {
  const [row] = await session.raw<{ count: number; since: Date | null }>(
    `SELECT unrecorded AS count, since FROM login_failures WHERE tenant_id = $1 AND user_id = $2 FOR UPDATE`,
    [tenant, user],
  );
  if (row === undefined || row.count === 0) return { count: 0, since: null };
  await session.raw("UPDATE login_failures SET unrecorded = 0, since = NULL WHERE tenant_id = $1 AND user_id = $2", [
    tenant,
    user,
  ]);
  return row;
}

/** Records failures after which nobody has tried again. @returns how many accounts had some */
export async function recordOldFailures(postgres: Postgres): Promise<number> {
  const tenants = await postgres.shared((session) => session.raw<{ id: string }>("SELECT id FROM tenants"));
  let recorded = 0;
  for (const { id: tenant } of tenants) {
    const rows = await postgres.inTenant(tenant, (session) =>
      session.raw<{ user: string; email: string; origin: Record<string, unknown> }>(
        `SELECT u.id AS "user", u.email, f.origin FROM login_failures f
          JOIN users u ON u.tenant_id = f.tenant_id AND u.id = f.user_id
          WHERE f.tenant_id = $1 AND f.unrecorded > 0 AND f.recorded_at < now() - interval '${EVERY}'`,
        [tenant],
      ),
    );
    for (const row of rows) {
      await postgres.inTenant(tenant, (session) => recordFailures(session, tenant, row, undefined));
      recorded += 1;
    }
  }
  return recorded;
}
