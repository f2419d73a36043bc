import { ServerError } from "../../errors/server-error.ts";
import { type AuditEntry, writeAudit } from "./audit.ts";
import { removePasswordLinks } from "./password-links.ts";
import { type Postgres, type Session, sql } from "./postgres.ts";

/** What those who run the server do on its machine, for all tenants. */
export interface Tenant {
  readonly id: string;
  readonly name: string;
  /** What devices send as tenant_token. */
  readonly token: string;
  readonly created_at: Date;
}

export function listTenants(session: Session): Promise<Tenant[]> {
  return session.rows(sql.selectFrom("tenants").selectAll().orderBy("created_at").orderBy("id"));
}

/**
 * The tenant with this name. Without a name, the only one.
 *
 * @throws {ServerError} NOT_FOUND if there is none, or if it is not clear which one
 */
export async function findTenant(session: Session, name: string | undefined): Promise<Tenant> {
  const all = await listTenants(session);
  const fitting = all.filter((tenant) => name === undefined || tenant.name === name);
  const [found, ...more] = fitting;
  if (found !== undefined && more.length === 0) return found;
  const known = all.map((tenant) => tenant.name).join(" ") || "none";
  throw new ServerError("NOT_FOUND", { tenant: name ?? "not given", "there are": known });
}

/** Sets a password, and ends the sessions of the user. Personal access tokens stay. @throws {ServerError} NOT_FOUND */
export async function resetPassword(
  postgres: Postgres,
  email: string,
  passwordHash: string,
  by: Pick<AuditEntry, "actor" | "origin">,
): Promise<void> {
  const address = email.toLowerCase();
  const login = await postgres.shared((session) =>
    session.first(sql.selectFrom("logins").selectAll().where("email", "=", address)),
  );
  if (login === undefined) throw new ServerError("NOT_FOUND", { user: address });
  const { tenant_id: tenant, user_id: user } = login;
  await postgres.inTenant(tenant, async (session) => {
    await session.run(
      sql
        .updateTable("users")
        .set({ password_hash: passwordHash, updated_at: new Date() })
        .where("tenant_id", "=", tenant)
        .where("id", "=", user),
    );
    await session.run(
      sql
        .deleteFrom("sessions")
        .where("tenant_id", "=", tenant)
        .where("user_id", "=", user)
        .where("kind", "=", "session"),
    );
    await removePasswordLinks(session, tenant, user);
    const object = { type: "user", id: user, email: address };
    await writeAudit(session, tenant, { ...by, action: "update", object, change: "The password was changed." });
  });
}
