import type { FastifyRequest } from "fastify";
import { z } from "zod";
import { Id } from "../../../../src/protocol/api/common.ts";
import { PasswordLink, PasswordResetComplete, PasswordResetStart } from "../../../../src/protocol/api/useradm.ts";
import { hashPassword } from "../../../adapters/passwords/passwords.ts";
import { writeAudit } from "../../../adapters/postgres/audit.ts";
import { queueMail, requestReset } from "../../../adapters/postgres/mail-queue.ts";
import { addPasswordLink, findPasswordLink, usePasswordLink } from "../../../adapters/postgres/password-links.ts";
import type { Session } from "../../../adapters/postgres/postgres.ts";
import { endSessions } from "../../../adapters/postgres/sessions.ts";
import { changeUser } from "../../../adapters/postgres/users.ts";
import { type LinkPurpose, passwordLink } from "../../../domain/authentication/password-links.ts";
import { ServerError } from "../../../errors/server-error.ts";
import type { Routes } from "../../app-types.ts";
import { callingPerson } from "../../authenticate.ts";
import { act, originOf } from "../../guard.ts";
import type { Services } from "../../services.ts";
import { refuseWeak } from "./change-account.ts";
import { ownerToChange } from "./sessions.ts";

const USERADM = "/api/management/v1/useradm";
/** Anybody may send it. */
const BODY_LIMIT_BYTES = 16 * 1024;
const nothing = { 202: z.undefined() };

/** How people set a password by a link: they ask for one, or get one from those who manage users. */
export const passwordLinkRoutes =
  (services: Services): Routes =>
  (app) => {
    const { postgres, canMail } = services;
    app.post(
      `${USERADM}/auth/password-reset/start`,
      {
        config: { auth: "none" },
        bodyLimit: BODY_LIMIT_BYTES,
        schema: { body: PasswordResetStart, response: nothing },
      },
      async (request, reply) => {
        await requestReset(postgres, { email: request.body.email, address: request.ip }, canMail);
        return reply.status(202).send();
      },
    );

    app.post(
      `${USERADM}/auth/password-reset/complete`,
      {
        config: { auth: "none" },
        bodyLimit: BODY_LIMIT_BYTES,
        schema: { body: PasswordResetComplete, response: nothing },
      },
      async (request, reply) => {
        const { secret_hash: token, password } = request.body;
        // Before the costly hash: nobody can make the server work without a link.
        const owner = await findPasswordLink(postgres, token);
        if (owner === undefined) throw new ServerError("PASSWORD_LINK_INVALID");
        const { tenant, user, email, purpose } = owner;
        refuseWeak(password, email);
        const hash = await hashPassword(password);
        request.hasActed = true;
        await postgres.inTenant(tenant, async (session) => {
          if (!(await usePasswordLink(session, tenant, token))) throw new ServerError("PASSWORD_LINK_INVALID");
          await changeUser(session, tenant, user, { hash, email: undefined, roles: undefined });
          await endSessions(session, tenant, user, {});
          await writeAudit(session, tenant, {
            ...{ actor: { type: "user", id: user, email }, origin: originOf(request), requestId: request.id },
            ...{ action: "update", object: { type: "user", id: user, email }, change: CHANGES[purpose] },
          });
        });
        return reply.status(202).send();
      },
    );

    app.post(
      `${USERADM}/users/:id/password_link`,
      {
        config: { auth: "user", permission: "ManageUsers" },
        schema: { params: z.object({ id: Id }), response: { 200: PasswordLink } },
      },
      async (request, reply) => {
        const { id } = request.params;
        const link = await act(postgres, request, async (session) => {
          const { email, has_password: hasPassword } = await ownerToChange(session, request, id);
          const purpose = hasPassword ? "reset" : "invitation";
          const result = await linkFor(services, request, session, id, purpose);
          const change = `A link to set a ${hasPassword ? "new " : ""}password was ${result.mailed ? "sent" : "shown"}.`;
          return { result, acts: [{ action: "update", object: { type: "user", id, email }, change }] };
        });
        void reply.header("cache-control", "no-store");
        return link;
      },
    );
  };

const CHANGES: Readonly<Record<LinkPurpose, string>> = {
  invitation: "The invitation was accepted.",
  reset: "The password was changed by a link.",
};

/** Has a link sent to a user, or makes one for the caller to pass on if no mails are sent. */
export async function linkFor(
  { canMail, publicUrl }: Pick<Services, "canMail" | "publicUrl">,
  request: FastifyRequest,
  session: Session,
  user: string,
  purpose: LinkPurpose,
): Promise<PasswordLink> {
  const { tenant, email: by } = callingPerson(request);
  if (canMail) {
    await queueMail(session, tenant, { purpose, user, by });
    return { mailed: true };
  }
  const { token, expiresAt } = await addPasswordLink(session, tenant, user, purpose);
  return { mailed: false, link: passwordLink(publicUrl, token), expires_at: expiresAt.toISOString() };
}
