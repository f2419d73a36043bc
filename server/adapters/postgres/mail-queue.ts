import { randomUUID } from "node:crypto";
import type { LinkPurpose } from "../../domain/authentication/password-links.ts";
import { countReset } from "./login-attempts.ts";
import type { Postgres, Session } from "./postgres.ts";

/** A mail with a link for a user: of a user that is known, or of whoever has an email address. */
interface NewMail {
  readonly purpose: LinkPurpose;
  readonly user?: string;
  readonly email?: string;
  /** The email address of whoever asked for it. */
  readonly by?: string;
  /** From where it was asked for without a login. */
  readonly address?: string;
}

interface Order extends NewMail {
  /** Names the mail, so that a receiver can see that it has it already. */
  readonly key: string;
}

/** A mail that this process sends, and no other one. */
export interface MailJob extends Order {
  readonly id: number;
  readonly tenant: string | null;
  readonly attempts: number;
  readonly ageS: number;
}

/** A process that has not said how it went by then has crashed, and another one sends. */
const CLAIM_S = 180;
const KIND = "mail";

/**
 * Queues a mail, in the transaction of what it is about: either both are kept, or neither is. The link is made when the
 * mail is sent, because only its hash may be in the database.
 */
export async function queueMail(session: Session, tenant: string | null, order: NewMail): Promise<void> {
  await session.raw("INSERT INTO jobs (kind, tenant_id, body) VALUES ($1, $2, $3)", [
    ...[KIND, tenant, JSON.stringify({ ...order, key: randomUUID() })],
  ]);
}

/**
 * Queues a mail to whoever has an email address. It looks for no account, so that nobody learns from it whether there is
 * one, and not by the time that it takes either.
 *
 * @param canMail `false`: requests are counted, and nothing is sent
 * @throws {ServerError} TOO_MANY_REQUESTS
 */
export async function requestReset(
  postgres: Postgres,
  { email, address }: { readonly email: string; readonly address: string },
  canMail: boolean,
): Promise<void> {
  await postgres.shared(async (session) => {
    const mayGetOne = await countReset(session, { account: email, address });
    if (mayGetOne && canMail) await queueMail(session, null, { purpose: "reset", email, address });
  });
}

/** Takes mails that are due. */
export async function claimMails(postgres: Postgres, limit: number): Promise<MailJob[]> {
  const rows = await postgres.shared((session) =>
    session.raw<{ id: number; tenant: string | null; attempts: number; ageS: number; body: Order }>(
      `UPDATE jobs j SET run_at = now() + interval '${CLAIM_S} seconds', attempts = attempts + 1
        FROM (SELECT id FROM jobs WHERE kind = '${KIND}' AND run_at <= now() AND failed_at IS NULL
          ORDER BY run_at LIMIT $1 FOR UPDATE SKIP LOCKED) AS due
        WHERE j.id = due.id RETURNING j.id, j.tenant_id AS tenant, j.body, j.attempts,
          extract(epoch FROM now() - j.created_at)::float8 AS "ageS"`,
      [limit],
    ),
  );
  return rows.map(({ body, ...job }) => ({ ...body, ...job }));
}

/** The mail was sent, or there is nobody to send it to. */
export async function endMail(session: Session, { id }: MailJob): Promise<void> {
  await session.raw("DELETE FROM jobs WHERE id = $1", [id]);
}

/** The mail was not sent. @param retryAfterS `undefined`: it is given up */
export async function failMail(
  session: Session,
  { id }: MailJob,
  error: string,
  retryAfterS: number | undefined,
): Promise<void> {
  await session.raw(
    `UPDATE jobs SET error = $2, run_at = now() + make_interval(secs => coalesce($3::float8, 0)),
      failed_at = CASE WHEN $3::float8 IS NULL THEN now() END WHERE id = $1`,
    [id, error, retryAfterS ?? null],
  );
}
