import type { LoginProof } from "../../domain/audit/logins.ts";
import { newRecoveryCodes, newTotpSecret, recoveryHash, stepOfCode } from "../../domain/authentication/totp.ts";
import { ServerError } from "../../errors/server-error.ts";
import type { Session } from "./postgres.ts";

interface Row extends Record<string, unknown> {
  readonly secret: Buffer;
  readonly verified: boolean;
  readonly last_step: number;
  readonly recovery_hashes: readonly string[];
  /** By the clock of the database. */
  readonly seconds: number;
}

/** Who uses a code waits for others that use one, so that none is good twice. */
async function lockFactor(session: Session, tenant: string, user: string): Promise<Row | undefined> {
  const [row] = await session.raw<Row>(
    `SELECT secret, verified_at IS NOT NULL AS verified, last_step, recovery_hashes,
      extract(epoch FROM clock_timestamp())::float8 AS seconds
      FROM second_factors WHERE tenant_id = $1 AND user_id = $2 FOR UPDATE`,
    [tenant, user],
  );
  return row;
}

/**
 * Makes a new secret, which no login asks for until a code has verified it.
 *
 * @throws {ServerError} NOT_POSSIBLE if the user has a second factor
 */
export async function makeSecondFactor(session: Session, tenant: string, user: string): Promise<void> {
  const made = await session.raw(
    `INSERT INTO second_factors (tenant_id, user_id, secret) VALUES ($1, $2, $3)
      ON CONFLICT (tenant_id, user_id) DO UPDATE SET secret = excluded.secret, last_step = 0
      WHERE second_factors.verified_at IS NULL RETURNING 1`,
    [tenant, user, newTotpSecret()],
  );
  if (made.length === 0) throw new ServerError("NOT_POSSIBLE", { reason: "you have a second factor already" });
}

/** The secret that waits to be verified. @throws {ServerError} NOT_POSSIBLE */
export async function unverifiedSecret(session: Session, tenant: string, user: string): Promise<Buffer> {
  const row = await lockFactor(session, tenant, user);
  if (row === undefined || row.verified)
    throw new ServerError("NOT_POSSIBLE", { reason: "enable the second factor first; its secret is shown only then" });
  return row.secret;
}

/**
 * Ends the set-up of a second factor.
 *
 * @returns the recovery codes, which nobody can read again
 * @throws {ServerError} NOT_POSSIBLE if there is nothing to verify, or if the code is wrong
 */
export async function verifySecondFactor(
  session: Session,
  tenant: string,
  user: string,
  code: string,
): Promise<readonly string[]> {
  const row = await lockFactor(session, tenant, user);
  if (row === undefined || row.verified)
    throw new ServerError("NOT_POSSIBLE", { reason: "there is no second factor to verify" });
  const step = stepOfCode(row.secret, code, row.seconds, row.last_step);
  if (step === undefined) throw new ServerError("NOT_POSSIBLE", { reason: "the code is wrong" });
  await session.raw(
    "UPDATE second_factors SET verified_at = now(), last_step = $3 WHERE tenant_id = $1 AND user_id = $2",
    [tenant, user, step],
  );
  return replaceRecoveryCodes(session, tenant, user);
}

/** Makes new recovery codes; the old ones are not good any more. @throws {ServerError} NOT_POSSIBLE */
export async function replaceRecoveryCodes(session: Session, tenant: string, user: string): Promise<readonly string[]> {
  const codes = newRecoveryCodes();
  const changed = await session.raw(
    `UPDATE second_factors SET recovery_hashes = $3
      WHERE tenant_id = $1 AND user_id = $2 AND verified_at IS NOT NULL RETURNING 1`,
    [tenant, user, codes.map(recoveryHash)],
  );
  if (changed.length === 0) throw new ServerError("NOT_POSSIBLE", { reason: "you have no second factor" });
  return codes;
}

/** Uses up a code of the app, or a recovery code. @returns what it was, or `undefined` if it was not good */
export async function useSecondFactor(
  session: Session,
  tenant: string,
  user: string,
  code: string,
): Promise<LoginProof | undefined> {
  const row = await lockFactor(session, tenant, user);
  // Removed since the login has begun.
  if (row === undefined || !row.verified) return { by: "password" };
  const step = stepOfCode(row.secret, code, row.seconds, row.last_step);
  const hash = recoveryHash(code);
  if (step === undefined && !row.recovery_hashes.includes(hash)) return undefined;
  const [used] = await session.raw<{ left: number }>(
    `UPDATE second_factors SET last_step = coalesce($3, last_step),
      recovery_hashes = array_remove(recovery_hashes, $4) WHERE tenant_id = $1 AND user_id = $2
      RETURNING cardinality(recovery_hashes) AS left`,
    [tenant, user, step ?? null, hash],
  );
  return step === undefined ? { by: "recovery-code", left: used?.left ?? 0 } : { by: "app" };
}

/** @returns whether the user had one */
export async function removeSecondFactor(session: Session, tenant: string, user: string): Promise<boolean> {
  const removed = await session.raw("DELETE FROM second_factors WHERE tenant_id = $1 AND user_id = $2 RETURNING 1", [
    ...[tenant, user],
  ]);
  return removed.length > 0;
}
