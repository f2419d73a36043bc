import type { FastifyRequest } from "fastify";
import { type AuditEntry, writeAudit } from "../adapters/postgres/audit.ts";
import type { Postgres, Session } from "../adapters/postgres/postgres.ts";
import { callingPerson } from "./authenticate.ts";

/** What a person did, for the audit log. The guard adds who it was. */
type Act = Omit<AuditEntry, "actor" | "requestId">;

/**
 * The one way to an act of a person: does it, and writes the audit record, in one transaction. The person has the
 * permission that the route declares: the request was refused before its body was read if they do not.
 * `work` returns the act as it turned out, because the id of a new thing is not known before.
 */
export async function act<T>(
  postgres: Postgres,
  request: FastifyRequest,
  work: (session: Session) => Promise<{ readonly result: T; readonly acts: readonly Act[] }>,
): Promise<T> {
  const person = callingPerson(request);
  request.hasActed = true;
  return postgres.inTenant(person.tenant, async (session) => {
    const { result, acts } = await work(session);
    const actor = {
      type: "user",
      id: person.user,
      email: person.email,
      ...(person.tokenName !== undefined && { token: person.tokenName }),
    };
    for (const one of acts) await writeAudit(session, person.tenant, { ...one, actor, requestId: request.id });
    return result;
  });
}

/** Reads for a person, who has the permission that the route declares. */
export async function look<T>(
  postgres: Postgres,
  request: FastifyRequest,
  work: (session: Session) => Promise<T>,
): Promise<T> {
  return postgres.inTenant(callingPerson(request).tenant, work);
}
