import type { FastifyRequest } from "fastify";
import { writeAudit } from "../../../adapters/postgres/audit.ts";
import { findProvider } from "../../../adapters/postgres/identity-providers.ts";
import { addSession } from "../../../adapters/postgres/sessions.ts";
import type { Handover } from "../../../adapters/postgres/sign-ins.ts";
import { findUser } from "../../../adapters/postgres/users.ts";
import { ServerError } from "../../../errors/server-error.ts";
import { originOf as auditOrigin } from "../../guard.ts";
import type { Services } from "../../services.ts";
import { sessionOriginOf } from "./origin.ts";

/**
 * Begins the session of a person whom a provider has signed in. It ends after the time that the provider's rules name, so
 * that who was removed there does not stay in for longer.
 *
 * @returns the token
 * @throws {ServerError} NOT_FOUND if the user or the provider was removed meanwhile
 */
export async function beginProviderSession(
  { postgres, tokens }: Services,
  request: FastifyRequest,
  { tenant, provider, user }: Handover,
): Promise<string> {
  const { jti, lifetimeS } = await postgres.inTenant(tenant, async (session) => {
    const { name, rules } = await findProvider(session, tenant, provider);
    const person = await findUser(session, tenant, user);
    if (person === undefined) throw new ServerError("NOT_FOUND", { user });
    const seconds = rules.sessionHours * 3600;
    const expiresAt = new Date(Date.now() + seconds * 1000);
    const id = await addSession(session, tenant, user, expiresAt, sessionOriginOf(request), undefined, provider);
    await writeAudit(session, tenant, {
      actor: { type: "user", id: user, email: person.email, session: id },
      ...{ origin: auditOrigin(request), requestId: request.id },
      ...{ action: "login", object: { type: "session", id }, change: `by the identity provider ${name}` },
    });
    return { jti: id, lifetimeS: seconds };
  });
  return tokens.sign({ jti, sub: user, tenant, kind: "user" }, lifetimeS);
}
