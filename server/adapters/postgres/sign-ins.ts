import { createHash } from "node:crypto";
import type { Target } from "../../domain/sign-in/target.ts";
import { type Postgres, type Session, sql } from "./postgres.ts";

/** A sign-in that waits for the answer of the provider. */
export interface SignIn {
  readonly tenant: string;
  readonly provider: string;
  readonly state: string;
  /** What the cookie of the browser says that began. */
  readonly browser: string;
  readonly address: string;
  readonly nonce: string;
  readonly verifier: string;
  readonly redirectUri: string;
  readonly target: Target;
}

/** A person who was signed in by a provider, and has no session yet. */
export interface Handover {
  readonly tenant: string;
  readonly provider: string;
  readonly user: string;
  readonly challenge: string | null;
}

const SIGN_IN_S = 600;
export const HANDOVER_S = 120;
/** How many sign-ins may wait from one address. Further ones take the place of the oldest. */
const WAITING_MAX = 100;

const hash = (text: string): Buffer => createHash("sha256").update(text).digest();

/** Keeps a sign-in until the provider answers, for ten minutes. Its secrets are kept as hashes where that is enough. */
export async function keepSignIn(postgres: Postgres, signIn: SignIn): Promise<void> {
  const { tenant, provider, state, browser, address, nonce, verifier, redirectUri, target } = signIn;
  await postgres.shared(async (session) => {
    await session.raw("DELETE FROM sign_ins WHERE expires_at < now()");
    await session.raw(
      `DELETE FROM sign_ins WHERE state_hash IN
        (SELECT state_hash FROM sign_ins WHERE address = $1 ORDER BY expires_at DESC OFFSET $2)`,
      [address, WAITING_MAX - 1],
    );
    await session.raw(
      `INSERT INTO sign_ins (state_hash, browser_hash, tenant_id, provider_id, address, nonce, verifier, redirect_uri,
          target, expires_at)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, now() + make_interval(secs => $10))`,
      [
        ...[hash(state), hash(browser), tenant, provider, address, nonce, verifier, redirectUri],
        ...[JSON.stringify(target), SIGN_IN_S],
      ],
    );
  });
}

/**
 * Takes a sign-in, which nobody can take again. `undefined`: it has expired, was taken before, is one of another provider,
 * or began in another browser.
 */
export async function takeSignIn(
  postgres: Postgres,
  { provider, state, browser }: Pick<SignIn, "provider" | "state" | "browser">,
): Promise<SignIn | undefined> {
  const row = await postgres.shared((session) =>
    session.first(
      sql
        .deleteFrom("sign_ins")
        .where("state_hash", "=", hash(state))
        .where("browser_hash", "=", hash(browser))
        .where("provider_id", "=", provider)
        .where(({ fn, eb }) => eb("expires_at", ">", fn<Date>("now", [])))
        .returningAll(),
    ),
  );
  if (row === undefined) return undefined;
  const { tenant_id: tenant, address, nonce, verifier, redirect_uri: redirectUri, target } = row;
  return { tenant, provider, state, browser, address, nonce, verifier, redirectUri, target };
}

/** Keeps who was signed in, for two minutes. */
export async function keepHandover(session: Session, code: string, handover: Handover): Promise<void> {
  const { tenant, provider, user, challenge } = handover;
  await session.raw("DELETE FROM handovers WHERE expires_at < now()");
  await session.raw(
    `INSERT INTO handovers (code_hash, tenant_id, provider_id, user_id, challenge, expires_at)
      VALUES ($1, $2, $3, $4, $5, now() + make_interval(secs => $6))`,
    [hash(code), tenant, provider, user, challenge, HANDOVER_S],
  );
}

/**
 * Takes who was signed in, which nobody can do again.
 *
 * @param verifier what a program shows; `undefined` of a browser, whose code comes out of its cookie
 */
export async function takeHandover(
  postgres: Postgres,
  code: string,
  verifier: string | undefined,
): Promise<Handover | undefined> {
  const challenge = verifier === undefined ? null : hash(verifier).toString("base64url");
  const [row] = await postgres.shared((session) =>
    session.raw<{ tenant_id: string; provider_id: string; user_id: string; challenge: string | null }>(
      `DELETE FROM handovers WHERE code_hash = $1 AND challenge IS NOT DISTINCT FROM $2 AND expires_at > now()
        RETURNING tenant_id, provider_id, user_id, challenge`,
      [hash(code), challenge],
    ),
  );
  return row && { tenant: row.tenant_id, provider: row.provider_id, user: row.user_id, challenge: row.challenge };
}
