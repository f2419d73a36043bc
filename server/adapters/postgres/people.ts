import { randomUUID } from "node:crypto";
import { sql as fragment } from "kysely";
import { NO_PASSWORD } from "../../domain/passwords/no-password.ts";
import { ADMINISTRATOR, type ScopedSet } from "../../domain/permissions/matrix.ts";
import { ServerError } from "../../errors/server-error.ts";
import { type Postgres, type Session, sql } from "./postgres.ts";

export interface User {
  readonly id: string;
  readonly email: string;
  readonly roles: readonly string[];
  readonly created_at: Date;
  readonly updated_at: Date;
  readonly login_at: Date | null;
  /** Not until an invitation is accepted. */
  readonly has_password: boolean;
  readonly second_factor: SecondFactorStatus;
}

/** `unverified`: a secret was made, and no code has shown yet that an app has it. */
export type SecondFactorStatus = "enabled" | "unverified" | "disabled";

const COLUMNS = ["id", "email", "roles", "created_at", "updated_at", "login_at"] as const;

/** What is selected of users. */
export const USER_COLUMNS = [
  ...COLUMNS,
  fragment<boolean>`password_hash <> ${fragment.lit(NO_PASSWORD)}`.as("has_password"),
  fragment<SecondFactorStatus>`coalesce((SELECT CASE WHEN f.verified_at IS NULL THEN 'unverified' ELSE 'enabled' END
    FROM second_factors f WHERE f.tenant_id = users.tenant_id AND f.user_id = users.id), 'disabled')`.as(
    "second_factor",
  ),
] as const;

/** Makes a tenant. @throws {ServerError} CONFLICT if there is one with this name */
export async function addTenant(
  session: Session,
  name: string,
): Promise<{ readonly id: string; readonly token: string }> {
  const tenant = { id: randomUUID(), name, token: randomUUID().replaceAll("-", "") };
  const made = await session.run(
    sql
      .insertInto("tenants")
      .values(tenant)
      .onConflict((conflict) => conflict.doNothing()),
  );
  if (made === 0) throw new ServerError("CONFLICT", { tenant: name });
  return tenant;
}

/**
 * Makes a user with these roles, which must be there. The session must be in the tenant.

 * @throws {ServerError} NOT_POSSIBLE if the email address belongs to a user already, of this tenant or another
 */
export async function addUser(
  session: Session,
  tenant: string,
  email: string,
  passwordHash: string,
  roles: readonly string[] = [ADMINISTRATOR],
): Promise<User> {
  const id = randomUUID();
  const address = email.toLowerCase();
  const made = await session.run(
    sql
      .insertInto("logins")
      .values({ email: address, tenant_id: tenant, user_id: id })
      .onConflict((conflict) => conflict.doNothing()),
  );
  if (made === 0) throw new ServerError("NOT_POSSIBLE", { reason: "a user with this email address exists" });
  const values = { tenant_id: tenant, id, email: address, password_hash: passwordHash, roles: [...new Set(roles)] };
  const row = await session.first(sql.insertInto("users").values(values).returning(COLUMNS));
  if (row === undefined) throw new Error("no row came back");
  return { ...row, has_password: passwordHash !== NO_PASSWORD, second_factor: "disabled" };
}

export function listUsers(session: Session, tenant: string): Promise<User[]> {
  return session.rows(
    sql.selectFrom("users").select(USER_COLUMNS).where("tenant_id", "=", tenant).orderBy("email").orderBy("id"),
  );
}

export interface Login {
  readonly tenant: string;
  readonly user: string;
  readonly email: string;
  readonly passwordHash: string;
  readonly hasSecondFactor: boolean;
  /** Whether passwords are on, or this user may use one nevertheless. */
  readonly mayUsePassword: boolean;
}

/** The user with this email address, of whichever tenant. */
export async function findLogin(postgres: Postgres, email: string): Promise<Login | undefined> {
  const login = await postgres.shared((session) =>
    session.first(sql.selectFrom("logins").selectAll().where("email", "=", email.toLowerCase())),
  );
  if (login === undefined) return undefined;
  const { tenant_id: tenant, user_id: user, email: address } = login;
  const [row] = await postgres.inTenant(tenant, (session) =>
    session.raw<{ password_hash: string; has: boolean; may: boolean }>(
      `SELECT password_hash, EXISTS (SELECT FROM second_factors f WHERE f.tenant_id = $1 AND f.user_id = $2
          AND f.verified_at IS NOT NULL) AS has,
        NOT EXISTS (SELECT FROM sign_in_rules i WHERE i.tenant_id = $1 AND i.passwords = 'off'
          AND NOT $2 = ANY (i.break_glass)) AS may FROM users WHERE tenant_id = $1 AND id = $2`,
      [tenant, user],
    ),
  );
  return (
    row && {
      tenant,
      user,
      email: address,
      passwordHash: row.password_hash,
      hasSecondFactor: row.has,
      mayUsePassword: row.may,
    }
  );
}

export interface Tenant {
  readonly id: string;
  readonly name: string;
  readonly token: string;
  readonly created_at: Date;
}

export function findTenant(session: Session, tenant: string): Promise<Tenant | undefined> {
  return session.first(
    sql.selectFrom("tenants").select(["id", "name", "token", "created_at"]).where("id", "=", tenant),
  );
}

/**
 * The person behind a session or a personal access token that has not ended. Notes the use.
 *
 * @param address from where it is used; `undefined`: not known
 */
export function findPerson(
  postgres: Postgres,
  tenant: string,
  session: string,
  address: string | undefined,
): Promise<PersonRow[]> {
  return postgres.prepared<PersonRow>(tenant, FIND_PERSON, [tenant, session, address ?? null]);
}

export interface PersonRow {
  readonly user_id: string;
  readonly email: string;
  readonly name: string | null;
  readonly created_at: Date;
  readonly roles: readonly string[];
  /** Of the roles that the tenant has made. */
  readonly sets: readonly ScopedSet[];
  /**
   * A session of somebody who must have a second factor, and has none. Of sessions that a provider has begun, the provider
   * answers for it.
   */
  readonly must_set_up: boolean;
}

const FIND_PERSON = {
  name: "find-person",
  // The last use is written at most once a minute, and when the address changes.
  text: `WITH used AS (UPDATE sessions SET last_used_at = now(), last_address = coalesce($3, last_address)
      WHERE tenant_id = $1 AND id = $2
      AND (last_used_at IS NULL OR last_used_at < now() - interval '1 minute' OR last_address <> $3))
    SELECT s.user_id, u.email, s.name, s.created_at, u.roles,
      coalesce((SELECT jsonb_agg(element) FROM roles r, jsonb_array_elements(r.sets) AS element
        WHERE r.tenant_id = $1 AND r.name = ANY (u.roles)), '[]') AS sets,
      s.kind = 'session' AND s.provider_id IS NULL AND EXISTS (SELECT FROM sign_in_rules i
        WHERE i.tenant_id = $1 AND i.second_factor = 'required') AND NOT EXISTS (SELECT FROM second_factors f
        WHERE f.tenant_id = $1 AND f.user_id = u.id AND f.verified_at IS NOT NULL) AS must_set_up
    FROM sessions s JOIN users u ON u.tenant_id = s.tenant_id AND u.id = s.user_id
    WHERE s.tenant_id = $1 AND s.id = $2 AND (s.expires_at IS NULL OR s.expires_at > now())
      AND (s.idle_s IS NULL OR coalesce(s.last_used_at, s.created_at) > now() - make_interval(secs => s.idle_s))`,
};
