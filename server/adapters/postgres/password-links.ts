import {
  hashOfToken,
  type LinkPurpose,
  newLinkToken,
  PASSWORD_LINK_S,
  tenantOfToken,
} from "../../domain/authentication/password-links.ts";
import type { Postgres, Session } from "./postgres.ts";

export interface NewPasswordLink {
  /** Nobody can read it again. */
  readonly token: string;
  readonly expiresAt: Date;
}

/** Makes a link for a user. Others of the user stay valid. */
export async function addPasswordLink(
  session: Session,
  tenant: string,
  user: string,
  purpose: LinkPurpose,
): Promise<NewPasswordLink> {
  const token = newLinkToken(tenant);
  const [row] = await session.raw<{ expires_at: Date }>(
    `INSERT INTO password_links (tenant_id, token_hash, user_id, purpose, expires_at)
      VALUES ($1, $2, $3, $4, clock_timestamp() + make_interval(secs => $5)) RETURNING expires_at`,
    [tenant, hashOfToken(token), user, purpose, PASSWORD_LINK_S[purpose]],
  );
  if (row === undefined) throw new Error("no row came back");
  return { token, expiresAt: row.expires_at };
}

/** Whom a valid link is for. */
export interface PasswordLinkOwner {
  readonly tenant: string;
  readonly user: string;
  readonly email: string;
  readonly purpose: LinkPurpose;
}

/** @returns `undefined` if the link was used, has expired, was replaced, or never was one */
export async function findPasswordLink(postgres: Postgres, token: string): Promise<PasswordLinkOwner | undefined> {
  const tenant = tenantOfToken(token);
  if (tenant === undefined) return undefined;
  const [row] = await postgres.inTenant(tenant, (session) =>
    session.raw<Omit<PasswordLinkOwner, "tenant"> & Record<string, unknown>>(
      `SELECT u.id AS "user", u.email, l.purpose FROM password_links l
        JOIN users u ON u.tenant_id = l.tenant_id AND u.id = l.user_id
        WHERE l.tenant_id = $1 AND l.token_hash = $2 AND l.expires_at > now()`,
      [tenant, hashOfToken(token)],
    ),
  );
  return row && { tenant, ...row };
}

/** Uses a link up. @returns whether it was still good: of many at once that use it, one hears `true` */
export async function usePasswordLink(session: Session, tenant: string, token: string): Promise<boolean> {
  const used = await session.raw(
    "DELETE FROM password_links WHERE tenant_id = $1 AND token_hash = $2 AND expires_at > now() RETURNING 1",
    [tenant, hashOfToken(token)],
  );
  return used.length > 0;
}

/** Takes back a link that nobody has got. */
export async function removePasswordLink(session: Session, tenant: string, token: string): Promise<void> {
  await session.raw("DELETE FROM password_links WHERE tenant_id = $1 AND token_hash = $2", [
    tenant,
    hashOfToken(token),
  ]);
}

/** Takes back all links of a user. */
export async function removePasswordLinks(session: Session, tenant: string, user: string): Promise<void> {
  await session.raw("DELETE FROM password_links WHERE tenant_id = $1 AND user_id = $2", [tenant, user]);
}
