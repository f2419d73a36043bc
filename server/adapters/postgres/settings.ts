import { ServerError } from "../../errors/server-error.ts";
import type { Session } from "./postgres.ts";

/** Whose settings are those of the whole tenant. */
export const EVERYBODY = "00000000-0000-0000-0000-000000000000";

export interface StoredSettings {
  readonly value: Readonly<Record<string, unknown>>;
  readonly rev: number;
}

export async function readSettings(session: Session, tenant: string, user: string): Promise<StoredSettings> {
  const [row] = await session.raw<StoredSettings & Record<string, unknown>>(
    "SELECT value, rev FROM settings WHERE tenant_id = $1 AND user_id = $2",
    [tenant, user],
  );
  return row ?? { value: {}, rev: 0 };
}

/**
 * Replaces settings.
 *
 * @param revision what the caller has read, if it matters
 * @throws {ServerError} PRECONDITION_FAILED
 */
export async function writeSettings(
  session: Session,
  tenant: string,
  user: string,
  value: Readonly<Record<string, unknown>>,
  revision: string | undefined,
): Promise<number> {
  await session.raw(
    "INSERT INTO settings (tenant_id, user_id, value, rev) VALUES ($1, $2, '{}', 0) ON CONFLICT DO NOTHING",
    [tenant, user],
  );
  const [row] = await session.raw<{ rev: number }>(
    `UPDATE settings SET value = $3, rev = rev + 1
      WHERE tenant_id = $1 AND user_id = $2 AND ($4::text IS NULL OR rev::text = $4) RETURNING rev`,
    [tenant, user, JSON.stringify(value), revision ?? null],
  );
  if (row === undefined) throw new ServerError("PRECONDITION_FAILED");
  return row.rev;
}
