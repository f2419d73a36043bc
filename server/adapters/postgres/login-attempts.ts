import { createHash } from "node:crypto";
import { type LoginKey, loginDelayS } from "../../domain/authentication/login-delays.ts";
import { ServerError } from "../../errors/server-error.ts";
import type { Postgres, Session } from "./postgres.ts";

/** Who tries to log in, and from where. */
export interface Attempt {
  readonly account: string;
  readonly address: string;
}

/** An address from which the account has logged in within this time is not slowed down by what others do. */
const KNOWN_FOR = "90 days";
/** Failures older than this are forgotten. */
const FORGOTTEN_AFTER = "1 hour";

const hash = (...parts: readonly string[]): string => createHash("sha256").update(parts.join("\0")).digest("hex");
const keysOf = ({ account, address }: Attempt): Readonly<Record<LoginKey | "known", string>> => ({
  "reset-account": hash("reset-account", account.toLowerCase()),
  "reset-address": hash("reset-address", address),
  pair: hash("pair", account.toLowerCase(), address),
  address: hash("address", address),
  account: hash("account", account.toLowerCase()),
  code: hash("code", account.toLowerCase()),
  known: hash("known", account.toLowerCase(), address),
});

/**
 * Counts an attempt as failed before the password is checked, so that many at once do not pass. `endAttempt` takes it
 * back.
 *
 * @throws {ServerError} TOO_MANY_REQUESTS with the time to wait
 */
export async function beginAttempt(postgres: Postgres, attempt: Attempt): Promise<void> {
  const keys = keysOf(attempt);
  await postgres.shared(async (session) => {
    const isKnown = await has(session, keys.known);
    // Always in this order, so that attempts do not wait for each other in a circle.
    for (const kind of isKnown ? (["pair"] as const) : (["account", "address", "pair"] as const)) {
      const waitS = await count(session, kind, keys[kind]);
      if (waitS > 0) throw new ServerError("TOO_MANY_REQUESTS", {}, { retryAfterS: waitS });
    }
  });
}

/**
 * Counts a guess at a code of the second factor, whose password was right, from whatever address that is not known.
 *
 * @throws {ServerError} TOO_MANY_REQUESTS with the time to wait
 */
export async function beginCode(postgres: Postgres, attempt: Attempt): Promise<void> {
  const keys = keysOf(attempt);
  await postgres.shared(async (session) => {
    const waitS = (await has(session, keys.known)) ? 0 : await count(session, "code", keys.code);
    if (waitS > 0) throw new ServerError("TOO_MANY_REQUESTS", {}, { retryAfterS: waitS });
  });
}

/**
 * Counts a request for a link to a new password, in the transaction that queues its mail.
 *
 * @returns whether the account may get one more mail now; there may be no such account
 * @throws {ServerError} TOO_MANY_REQUESTS if so many come from the address
 */
export async function countReset(session: Session, attempt: Attempt): Promise<boolean> {
  const keys = keysOf(attempt);
  const addressS = await count(session, "reset-address", keys["reset-address"]);
  if (addressS > 0) throw new ServerError("TOO_MANY_REQUESTS", {}, { retryAfterS: addressS });
  return (await count(session, "reset-account", keys["reset-account"])) === 0;
}

/** Forgets the failures of who has logged in, and remembers the address. */
export async function endAttempt(postgres: Postgres, attempt: Attempt): Promise<void> {
  const keys = keysOf(attempt);
  await postgres.shared(async (session) => {
    await session.raw(
      `UPDATE login_attempts SET failures = greatest(failures - 1, 0), next_at = now() WHERE key = ANY ($1)`,
      [[keys.account, keys.address].toSorted()],
    );
    await session.raw("DELETE FROM login_attempts WHERE key = ANY ($1)", [[keys.pair, keys.code]]);
    await session.raw(
      `INSERT INTO login_attempts (key) VALUES ($1)
        ON CONFLICT (key) DO UPDATE SET updated_at = now(), next_at = now()`,
      [keys.known],
    );
    await session.raw(`DELETE FROM login_attempts WHERE updated_at < now() - interval '${KNOWN_FOR}'`);
  });
}

async function has(session: Session, key: string): Promise<boolean> {
  const rows = await session.raw(
    `SELECT 1 FROM login_attempts WHERE key = $1 AND updated_at > now() - interval '${KNOWN_FOR}'`,
    [key],
  );
  return rows.length > 0;
}

/** Counts one failure more. @returns the seconds to wait, if this attempt comes too early: then it is not counted */
async function count(session: Session, kind: LoginKey, key: string): Promise<number> {
  await session.raw("INSERT INTO login_attempts (key) VALUES ($1) ON CONFLICT (key) DO NOTHING", [key]);
  const [row] = await session.raw<{ failures: number; wait: number; old: boolean }>(
    `SELECT failures, extract(epoch FROM next_at - clock_timestamp())::float8 AS wait,
      updated_at < now() - interval '${FORGOTTEN_AFTER}' AS old FROM login_attempts WHERE key = $1 FOR UPDATE`,
    [key],
  );
  if (row === undefined) return 0;
  if (row.wait > 0) return Math.ceil(row.wait);
  const failures = (row.old ? 0 : row.failures) + 1;
  // The transaction may have begun long before: attempts for one account wait for each other.
  await session.raw(
    `UPDATE login_attempts SET failures = $2, updated_at = clock_timestamp(),
      next_at = clock_timestamp() + make_interval(secs => $3) WHERE key = $1`,
    [key, failures, loginDelayS(kind, failures)],
  );
  return 0;
}
