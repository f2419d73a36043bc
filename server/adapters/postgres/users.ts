import { ADMINISTRATOR } from "../../domain/permissions/matrix.ts";
import { ServerError } from "../../errors/server-error.ts";
import { removePasswordLinks } from "./password-links.ts";
import { USER_COLUMNS, type User } from "./people.ts";
import { type Session, sql } from "./postgres.ts";
import { lockRoles } from "./roles.ts";
import { requireWayIn } from "./sign-in-rules.ts";

export function findUser(session: Session, tenant: string, id: string): Promise<User | undefined> {
  return session.first(
    sql.selectFrom("users").select(USER_COLUMNS).where("tenant_id", "=", tenant).where("id", "=", id),
  );
}

export function findUserByEmail(session: Session, tenant: string, email: string): Promise<User | undefined> {
  return session.first(
    sql
      .selectFrom("users")
      .select(USER_COLUMNS)
      .where("tenant_id", "=", tenant)
      .where("email", "=", email.toLowerCase()),
  );
}

export async function findPasswordHash(session: Session, tenant: string, id: string): Promise<string | undefined> {
  const row = await session.first(
    sql.selectFrom("users").select("password_hash").where("tenant_id", "=", tenant).where("id", "=", id),
  );
  return row?.password_hash;
}

/**
 * Changes what is given.
 *
 * @returns whether there is such a user
 * @throws {ServerError} NOT_POSSIBLE if the email address belongs to another; LAST_ADMINISTRATOR
 */
export async function changeUser(
  session: Session,
  tenant: string,
  id: string,
  {
    email,
    hash,
    roles,
  }: {
    readonly email: string | undefined;
    readonly hash: string | undefined;
    readonly roles: readonly string[] | undefined;
  },
): Promise<boolean> {
  const address = email?.toLowerCase();
  if (roles?.includes(ADMINISTRATOR) === false) await requireOtherAdministrator(session, tenant, id);
  if (address !== undefined) await moveLogin(session, tenant, id, address);
  const changed = await session.raw(
    `UPDATE users SET email = coalesce($3, email), password_hash = coalesce($4, password_hash),
      roles = coalesce($5, roles), updated_at = now() WHERE tenant_id = $1 AND id = $2 RETURNING 1`,
    [tenant, id, address ?? null, hash ?? null, roles ?? null],
  );
  // They went to the old address, or were for the password that is replaced now.
  if (address !== undefined || hash !== undefined) await removePasswordLinks(session, tenant, id);
  if (roles !== undefined) await requireWayIn(session, tenant);
  return changed.length > 0;
}

async function moveLogin(session: Session, tenant: string, user: string, email: string): Promise<void> {
  const made = await session.raw<{ user_id: string }>(
    `INSERT INTO logins (email, tenant_id, user_id) VALUES ($1, $2, $3)
      ON CONFLICT (email) DO UPDATE SET email = excluded.email RETURNING user_id`,
    [email, tenant, user],
  );
  if (made[0]?.user_id !== user)
    throw new ServerError("NOT_POSSIBLE", { reason: "a user with this email address exists" });
  await session.raw("DELETE FROM logins WHERE tenant_id = $1 AND user_id = $2 AND email <> $3", [tenant, user, email]);
}

/**
 * Removes a user with all sessions.
 *
 * @returns who it was, if there was such a user
 * @throws {ServerError} LAST_ADMINISTRATOR
 */
export async function removeUser(session: Session, tenant: string, id: string): Promise<User | undefined> {
  await requireOtherAdministrator(session, tenant, id);
  const user = await findUser(session, tenant, id);
  if (user === undefined) return undefined;
  await session.raw("DELETE FROM settings WHERE tenant_id = $1 AND user_id = $2", [tenant, id]);
  await session.raw("DELETE FROM logins WHERE tenant_id = $1 AND user_id = $2", [tenant, id]);
  await session.raw("DELETE FROM users WHERE tenant_id = $1 AND id = $2", [tenant, id]);
  await requireWayIn(session, tenant);
  return user;
}

/** @throws {ServerError} LAST_ADMINISTRATOR if this user is an administrator, and nobody else is */
async function requireOtherAdministrator(session: Session, tenant: string, id: string): Promise<void> {
  // Two who remove each other must not both succeed.
  await lockRoles(session, tenant);
  const administrators = await session.raw<{ id: string }>(
    "SELECT id FROM users WHERE tenant_id = $1 AND $2 = ANY (roles) LIMIT 2",
    [tenant, ADMINISTRATOR],
  );
  if (administrators.length === 1 && administrators[0]?.id === id)
    throw new ServerError("LAST_ADMINISTRATOR", { role: ADMINISTRATOR });
}
