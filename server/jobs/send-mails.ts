import type { FastifyBaseLogger } from "fastify";
import type { Mailer } from "../adapters/mail/mailer.ts";
import { writeAudit } from "../adapters/postgres/audit.ts";
import { claimMails, endMail, failMail, type MailJob } from "../adapters/postgres/mail-queue.ts";
import { addPasswordLink, removePasswordLink } from "../adapters/postgres/password-links.ts";
import { findLogin } from "../adapters/postgres/people.ts";
import type { Postgres } from "../adapters/postgres/postgres.ts";
import { findUser } from "../adapters/postgres/users.ts";
import { PASSWORD_LINK_S, passwordLink } from "../domain/authentication/password-links.ts";
import { linkMail } from "../domain/mail/mails.ts";
import { retryAfterS } from "../domain/webhooks/retries.ts";

const AT_ONCE = 5;

interface Person {
  readonly tenant: string;
  readonly user: string;
  readonly email: string;
}

interface Sending {
  readonly mailer: Mailer;
  /** The configured address of the server, and never what a client has called it. */
  readonly publicUrl: string;
}

/**
 * Sends the mails that are due, at least once each: if the process ends after it has handed a mail over and before that is
 * recorded, the mail goes out again, with another link. All processes may do so: no two send the same mail at a time.
 */
export async function sendMails(postgres: Postgres, sending: Sending, log: FastifyBaseLogger): Promise<void> {
  for (;;) {
    const jobs = await claimMails(postgres, AT_ONCE);
    await Promise.all(jobs.map((job) => sendOne(postgres, sending, job, log)));
    if (jobs.length < AT_ONCE) return;
  }
}

async function sendOne(
  postgres: Postgres,
  { mailer, publicUrl }: Sending,
  job: MailJob,
  log: FastifyBaseLogger,
): Promise<void> {
  const person = await findReceiver(postgres, job);
  if (person === undefined) {
    await postgres.shared((session) => endMail(session, job));
    return;
  }
  const { tenant, user, email } = person;
  const { purpose, by, address } = job;
  const made = await postgres.inTenant(tenant, (session) => addPasswordLink(session, tenant, user, purpose));
  const link = passwordLink(publicUrl, made.token);
  const words = linkMail({ purpose, link, expiresAt: made.expiresAt, by, address });
  const sent = await mailer.send({ id: job.key, to: email, ...words });
  await postgres.inTenant(tenant, async (session) => {
    if (sent.is === "sent") {
      await endMail(session, job);
      // What a person has asked for who was logged in is recorded already.
      if (by === undefined) await recordRequest(session, person, address);
      return;
    }
    await removePasswordLink(session, tenant, made.token);
    const isOver = sent.isFinal || job.ageS > PASSWORD_LINK_S[purpose];
    await failMail(session, job, sent.error, isOver ? undefined : retryAfterS(job.attempts, Math.random()));
  });
  if (sent.is === "failed")
    log.warn({ tenant, user, purpose, attempts: job.attempts, reason: sent.error }, "A mail could not be sent.");
}

/** @returns `undefined` if there is nobody: an email address without an account, or a user who was deleted */
async function findReceiver(postgres: Postgres, job: MailJob): Promise<Person | undefined> {
  const { email: asked } = job;
  const login = asked === undefined ? undefined : await findLogin(postgres, asked);
  const tenant = login?.tenant ?? job.tenant;
  const user = login?.user ?? job.user;
  if (tenant === null || user === undefined) return undefined;
  const row = await postgres.inTenant(tenant, (session) => findUser(session, tenant, user));
  return row && { tenant, user, email: row.email };
}

async function recordRequest(
  session: Parameters<typeof writeAudit>[0],
  { tenant, user, email }: Person,
  address: string | undefined,
): Promise<void> {
  await writeAudit(session, tenant, {
    actor: { type: "anonymous", id: "anonymous" },
    origin: address === undefined ? {} : { address },
    action: "request_password_reset",
    object: { type: "user", id: user, email },
    change: "A link to set a new password was sent.",
  });
}
