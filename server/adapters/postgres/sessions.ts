import { randomUUID } from "node:crypto";
import { ServerError } from "../../errors/server-error.ts";
import { type Session, sql } from "./postgres.ts";

/** Ends a session, or a personal access token, that the caller uses. */
export async function endSession(session: Session, tenant: string, id: string): Promise<void> {
  await session.run(sql.deleteFrom("sessions").where("tenant_id", "=", tenant).where("id", "=", id));
}

/** Ends all sessions and personal access tokens of a user but one: who knew the old password has made some of them. */
export async function endOtherSessions(session: Session, tenant: string, user: string, but?: string): Promise<void> {
  await session.raw("DELETE FROM sessions WHERE tenant_id = $1 AND user_id = $2 AND id IS DISTINCT FROM $3", [
    ...[tenant, user, but ?? null],
  ]);
}

export interface AccessToken {
  readonly id: string;
  readonly name: string | null;
  readonly expires_at: Date | null;
  readonly last_used_at: Date | null;
  readonly created_at: Date;
}

export function listAccessTokens(session: Session, tenant: string, user: string): Promise<AccessToken[]> {
  return session.rows(
    sql
      .selectFrom("sessions")
      .select(["id", "name", "expires_at", "last_used_at", "created_at"])
      .where("tenant_id", "=", tenant)
      .where("user_id", "=", user)
      .where("kind", "=", "token")
      .orderBy("created_at")
      .orderBy("id"),
  );
}

const TOKENS_MAX = 10;

/** Makes a personal access token. @throws {ServerError} CONFLICT, NOT_POSSIBLE */
export async function addAccessToken(
  session: Session,
  tenant: string,
  user: string,
  name: string,
  expiresAt: Date | null,
): Promise<string> {
  // One after the other, so that the limit holds.
  await session.raw("SELECT FROM users WHERE tenant_id = $1 AND id = $2 FOR NO KEY UPDATE", [tenant, user]);
  await session.raw(
    "DELETE FROM sessions WHERE tenant_id = $1 AND user_id = $2 AND kind = 'token' AND expires_at < now()",
    [tenant, user],
  );
  const present = await listAccessTokens(session, tenant, user);
  if (present.some((token) => token.name === name)) throw new ServerError("CONFLICT", { name });
  if (present.length >= TOKENS_MAX)
    throw new ServerError("NOT_POSSIBLE", { reason: `a user has at most ${TOKENS_MAX} access tokens` });
  const id = randomUUID();
  await session.run(
    sql
      .insertInto("sessions")
      .values({ tenant_id: tenant, id, user_id: user, kind: "token", name, expires_at: expiresAt }),
  );
  return id;
}

/** @returns whether the user had this token */
export async function removeAccessToken(session: Session, tenant: string, user: string, id: string): Promise<boolean> {
  const removed = await session.run(
    sql
      .deleteFrom("sessions")
      .where("tenant_id", "=", tenant)
      .where("user_id", "=", user)
      .where("kind", "=", "token")
      .where("id", "=", id),
  );
  return removed > 0;
}
