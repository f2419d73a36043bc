import type { FastifyRequest } from "fastify";
import { type AuditEntry, writeAudit } from "../adapters/postgres/audit.ts";
import type { Postgres, Session } from "../adapters/postgres/postgres.ts";
import type { Permission } from "../domain/permissions/permissions.ts";
import { ServerError } from "../errors/server-error.ts";
import { callingPerson } from "./authenticate.ts";

/** What a person did, for the audit log. The guard adds who it was. */
type Act = Omit<AuditEntry, "actor" | "requestId">;

/**
 * The one way to an act of a person: asks whether they may, does it, and writes the audit record, in one transaction.
 * `work` returns the act as it turned out, because the id of a new thing is not known before.
 *
 * @throws {ServerError} FORBIDDEN before anything has changed
 */
export async function act<T>(
  postgres: Postgres,
  request: FastifyRequest,
  permission: Permission,
  work: (session: Session) => Promise<{ readonly result: T; readonly acts: readonly Act[] }>,
): Promise<T> {
  const person = callingPerson(request);
  if (!person.permissions.has(permission)) throw new ServerError("FORBIDDEN", { permission });
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

/** Reads for a person, after asking whether they may. */
export async function look<T>(
  postgres: Postgres,
  request: FastifyRequest,
  permission: Permission,
  work: (session: Session) => Promise<T>,
): Promise<T> {
  const person = callingPerson(request);
  if (!person.permissions.has(permission)) throw new ServerError("FORBIDDEN", { permission });
  return postgres.inTenant(person.tenant, work);
}
