import type { Session } from "./postgres.ts";

/** A person as an issuer knows them. */
export interface Identity {
  readonly issuer: string;
  readonly subject: string;
}

/** The user whom an issuer knows by this subject. Notes that they have signed in. */
export async function findIdentity(
  session: Session,
  tenant: string,
  { issuer, subject }: Identity,
): Promise<string | undefined> {
  const [row] = await session.raw<{ user_id: string }>(
    `UPDATE identities SET signed_in_at = now() WHERE tenant_id = $1 AND issuer = $2 AND subject = $3
      RETURNING user_id`,
    [tenant, issuer, subject],
  );
  return row?.user_id;
}

/** From now on, a user is the person whom the issuer knows by this subject. */
export async function addIdentity(
  session: Session,
  tenant: string,
  user: string,
  { issuer, subject }: Identity,
): Promise<void> {
  await session.raw("INSERT INTO identities (tenant_id, issuer, subject, user_id) VALUES ($1, $2, $3, $4)", [
    ...[tenant, issuer, subject, user],
  ]);
}

/** Whether an issuer knows a user by any subject. */
export async function hasIdentity(session: Session, tenant: string, user: string, issuer: string): Promise<boolean> {
  const rows = await session.raw("SELECT FROM identities WHERE tenant_id = $1 AND user_id = $2 AND issuer = $3", [
    ...[tenant, user, issuer],
  ]);
  return rows.length > 0;
}
