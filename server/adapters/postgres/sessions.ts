import { randomUUID } from "node:crypto";
import { sql as fragment, type Selectable } from "kysely";
import { ServerError } from "../../errors/server-error.ts";
import { type Session, sql } from "./postgres.ts";
import type { Tables } from "./tables.ts";

/** How many sessions a person has at most. A new one ends the oldest. */
const SESSIONS_MAX = 10;

/** Where a session or a token is made. */
export interface Origin {
  readonly address: string;
  readonly userAgent: string | undefined;
}

/**
 * Begins a session.
 *
 * @param idleS after how many seconds without a use it ends; without it, it does not
 * @param provider what has signed the person in; without it, a password has
 */
export async function addSession(
  session: Session,
  tenant: string,
  user: string,
  expiresAt: Date | null,
  { address, userAgent }: Origin,
  idleS?: number,
  provider?: string,
): Promise<string> {
  const id = randomUUID();
  const ends = { expires_at: expiresAt, idle_s: idleS ?? null };
  const values = { tenant_id: tenant, id, user_id: user, kind: "session", ...ends } as const;
  const from = { address, user_agent: userAgent ?? null, provider_id: provider ?? null };
  await session.run(sql.insertInto("sessions").values({ ...values, ...from }));
  const kept = sql
    .selectFrom("sessions")
    .select("id")
    .where("tenant_id", "=", tenant)
    .where("user_id", "=", user)
    .where("kind", "=", "session")
    .orderBy("created_at", "desc")
    .limit(SESSIONS_MAX);
  await session.run(
    sql
      .deleteFrom("sessions")
      .where("tenant_id", "=", tenant)
      .where("user_id", "=", user)
      .where("kind", "=", "session")
      .where("id", "not in", kept)
      .where("id", "!=", id),
  );
  await session.run(
    sql.updateTable("users").set({ login_at: new Date() }).where("tenant_id", "=", tenant).where("id", "=", user),
  );
  return id;
}

/** A session, or a personal access token, that has not ended. */
export type StoredSession = Omit<Selectable<Tables["sessions"]>, "tenant_id" | "user_id" | "idle_s">;

/** The sessions of a user and their personal access tokens, the newest first. */
export function listSessions(session: Session, tenant: string, user: string): Promise<StoredSession[]> {
  return session.rows(
    sql
      .selectFrom("sessions")
      .select(["id", "kind", "name", "expires_at", "last_used_at", "address", "user_agent", "last_address"])
      .select(["created_at", "provider_id"])
      .where("tenant_id", "=", tenant)
      .where("user_id", "=", user)
      .where(({ or, eb }) => or([eb("expires_at", "is", null), eb("expires_at", ">", fragment<Date>`now()`)]))
      .orderBy("created_at", "desc")
      .orderBy("id"),
  );
}

/** Ends a session or a personal access token of a user. @returns whether the user had it */
export async function endSession(session: Session, tenant: string, user: string, id: string): Promise<boolean> {
  const ended = await session.raw(
    "DELETE FROM sessions WHERE tenant_id = $1 AND user_id = $2 AND id = $3 RETURNING 1",
    [tenant, user, id],
  );
  return ended.length > 0;
}

/** Ends all sessions of a user, all access tokens, or both, but one. @returns how many */
export async function endSessions(
  session: Session,
  tenant: string,
  user: string,
  { kind, but }: { readonly kind?: "session" | "token" | undefined; readonly but?: string | undefined },
): Promise<number> {
  const ended = await session.raw(
    `DELETE FROM sessions WHERE tenant_id = $1 AND user_id = $2 AND ($3::text IS NULL OR kind = $3)
      AND id IS DISTINCT FROM $4 RETURNING 1`,
    [tenant, user, kind ?? null, but ?? null],
  );
  return ended.length;
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
  { name, expiresAt, origin }: { readonly name: string; readonly expiresAt: Date | null; readonly origin: Origin },
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
  const values = { tenant_id: tenant, id, user_id: user, kind: "token", name, expires_at: expiresAt } as const;
  const { address, userAgent } = origin;
  await session.run(sql.insertInto("sessions").values({ ...values, address, user_agent: userAgent ?? null }));
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
