import { NO_PASSWORD } from "../../domain/passwords/no-password.ts";
import { ADMINISTRATOR } from "../../domain/permissions/matrix.ts";
import { ServerError } from "../../errors/server-error.ts";
import type { Session } from "./postgres.ts";

/** How the people of a tenant sign in. */
export interface SignInRules {
  /** Whether each user must have a second factor. */
  readonly secondFactor: "optional" | "required";
  /** Whether passwords are good for a login. */
  readonly passwords: "on" | "off";
  /** The ids of users whose passwords are good nevertheless. */
  readonly breakGlass: readonly string[];
}

export async function readSignInRules(session: Session, tenant: string): Promise<SignInRules> {
  const [row] = await session.raw<SignInRules & Record<string, unknown>>(
    `SELECT second_factor AS "secondFactor", passwords, break_glass AS "breakGlass" FROM sign_in_rules
      WHERE tenant_id = $1`,
    [tenant],
  );
  return row ?? { secondFactor: "optional", passwords: "on", breakGlass: [] };
}

export async function writeSignInRules(session: Session, tenant: string, rules: SignInRules): Promise<void> {
  await session.raw(
    `INSERT INTO sign_in_rules (tenant_id, second_factor, passwords, break_glass) VALUES ($1, $2, $3, $4)
      ON CONFLICT (tenant_id) DO UPDATE SET second_factor = excluded.second_factor, passwords = excluded.passwords,
        break_glass = excluded.break_glass`,
    [tenant, rules.secondFactor, rules.passwords, rules.breakGlass],
  );
}

/**
 * Asks whether an administrator can still log in with a password, after a change that may have taken the last one away.
 * Providers do not count: they can be away, or gone.
 *
 * @throws {ServerError} LAST_ADMINISTRATOR
 */
export async function requireWayIn(session: Session, tenant: string): Promise<void> {
  const left = await session.raw(
    `SELECT FROM users u LEFT JOIN sign_in_rules r ON r.tenant_id = u.tenant_id
      WHERE u.tenant_id = $1 AND $2 = ANY (u.roles) AND u.password_hash <> $3
        AND (coalesce(r.passwords, 'on') = 'on' OR u.id = ANY (r.break_glass)) LIMIT 1`,
    [tenant, ADMINISTRATOR, NO_PASSWORD],
  );
  if (left.length === 0)
    throw new ServerError("LAST_ADMINISTRATOR", { reason: "no administrator could log in with a password" });
}

/** Ends the sessions that passwords have begun, of those whose passwords are not good any more. @returns how many */
export async function endPasswordSessions(
  session: Session,
  tenant: string,
  { but, breakGlass }: { readonly but: string; readonly breakGlass: readonly string[] },
): Promise<number> {
  const ended = await session.raw(
    `DELETE FROM sessions WHERE tenant_id = $1 AND kind = 'session' AND provider_id IS NULL AND id <> $2
      AND NOT user_id = ANY ($3) RETURNING 1`,
    [tenant, but, breakGlass],
  );
  return ended.length;
}
