import type { FastifyRequest } from "fastify";
import { type AuditEntry, writeAudit } from "../adapters/postgres/audit.ts";
import type { Postgres, Session } from "../adapters/postgres/postgres.ts";
import { type Sight, sightOf } from "../domain/permissions/grants.ts";
import { callingPerson } from "./authenticate.ts";

/** What a person did, for the audit log. The guard adds who it was. */
type Act = Omit<AuditEntry, "actor" | "origin" | "requestId">;

/**
 * The one way to an act of a person: does it, and writes the audit record, in one transaction. The person has the
 * permission that the route declares: the request was refused before its body was read if they do not. The session sees
 * only what the permission's scope lets them act on.
 * `work` returns the act as it turned out, because the id of a new thing is not known before.
 */
export async function act<T>(
  postgres: Postgres,
  request: FastifyRequest,
  work: (session: Session) => Promise<{ readonly result: T; readonly acts: readonly Act[] }>,
): Promise<T> {
  const person = callingPerson(request);
  request.hasActed = true;
  const recorded = async (session: Session): Promise<T> => {
    const { result, acts } = await work(session);
    const actor = {
      ...{ type: "user", id: person.user, email: person.email, session: person.session },
      ...(person.tokenName !== undefined && { token: person.tokenName }),
    };
    const who = { actor, origin: originOf(request), requestId: request.id };
    for (const one of acts) await writeAudit(session, person.tenant, { ...one, ...who });
    return result;
  };
  return postgres.inTenant(person.tenant, recorded, sightIn(request));
}

/** Reads for a person, who has the permission that the route declares. */
export async function look<T>(
  postgres: Postgres,
  request: FastifyRequest,
  work: (session: Session) => Promise<T>,
): Promise<T> {
  return postgres.inTenant(callingPerson(request).tenant, work, sightIn(request));
}

const AGENT_MAX = 300;

/** From where a request comes. Of the address, a proxy is believed only if it is configured. */
export function originOf({ ip, headers }: FastifyRequest): AuditEntry["origin"] {
  const agent = headers["user-agent"]?.slice(0, AGENT_MAX);
  return { address: ip, ...(agent !== undefined && { agent }) };
}

/** What the caller sees in this request: the session's queries keep to it. */
function sightIn(request: FastifyRequest): Sight {
  const { permission } = request.routeOptions.config;
  if (permission === undefined) throw new Error("a route of people without a permission");
  return sightOf(callingPerson(request).grants, permission);
}
