import { createHash } from "node:crypto";
import type { FastifyRequest } from "fastify";
import { type Postgres, type Session, sql } from "../adapters/postgres/postgres.ts";
import { canonicalJson } from "../domain/canonical-json.ts";
import type { Permission } from "../domain/permissions/permissions.ts";
import { ServerError } from "../errors/server-error.ts";
import { callingPerson } from "./authenticate.ts";

/** What a person does, for the permission and for the audit log. */
interface Act {
  /** A permission of server/domain/permissions. */
  readonly permission: Permission;
  /** Mender's words: create, update, delete, abort, reject, decommission ... */
  readonly action: string;
  readonly object: { readonly type: string; readonly id: string; readonly [key: string]: unknown };
  /** What changed, for people. */
  readonly change?: string;
}

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
  work: (session: Session) => Promise<{ readonly result: T; readonly acts: readonly Omit<Act, "permission">[] }>,
): Promise<T> {
  const person = callingPerson(request);
  if (!person.permissions.has(permission)) throw new ServerError("FORBIDDEN", { permission });
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

interface AuditEntry extends Omit<Act, "permission"> {
  readonly actor: Readonly<Record<string, unknown>>;
  readonly requestId?: string;
}

/** Appends a record to the audit log of a tenant. Each record has the hash of the one before it. */
async function writeAudit(session: Session, tenant: string, entry: AuditEntry): Promise<void> {
  await session.raw("SELECT pg_advisory_xact_lock(hashtextextended($1, 1))", [tenant]);
  const last = await session.first(
    sql.selectFrom("audit").select(["seq", "hash"]).where("tenant_id", "=", tenant).orderBy("seq", "desc").limit(1),
  );
  const seq = (last?.seq ?? 0) + 1;
  const previous = last?.hash ?? Buffer.alloc(32);
  const at = new Date();
  const { actor, action, object, change = "", requestId = null } = entry;
  const text = canonicalJson([seq, at.toISOString(), actor, action, object, change, requestId]);
  const hash = createHash("sha256").update(previous).update(text).digest();
  await session.run(
    sql.insertInto("audit").values({
      ...{ tenant_id: tenant, seq, at, action, change, request_id: requestId, previous_hash: previous, hash },
      ...{ actor: JSON.stringify(actor), object: JSON.stringify(object) },
    }),
  );
}
