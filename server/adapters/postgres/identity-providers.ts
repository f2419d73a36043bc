import type { ProviderRules } from "../../domain/sign-in/admit.ts";
import { ServerError } from "../../errors/server-error.ts";
import { type Postgres, type Session, sql } from "./postgres.ts";
import { lockRoles } from "./roles.ts";

/** A provider, with its secret: whoever shows it leaves that out. */
export interface IdentityProvider {
  readonly id: string;
  readonly name: string;
  readonly issuer: string;
  readonly client_id: string;
  readonly client_secret: string | null;
  readonly rules: ProviderRules;
  readonly created_at: Date;
  readonly updated_at: Date;
}

const COLUMNS = ["id", "name", "issuer", "client_id", "client_secret", "rules", "created_at", "updated_at"] as const;
const PROVIDERS_MAX = 20;

export function listProviders(session: Session, tenant: string): Promise<IdentityProvider[]> {
  return session.rows(
    sql.selectFrom("identity_providers").select(COLUMNS).where("tenant_id", "=", tenant).orderBy("name"),
  );
}

/** @throws {ServerError} NOT_FOUND */
export async function findProvider(session: Session, tenant: string, id: string): Promise<IdentityProvider> {
  const found = await session.first(
    sql.selectFrom("identity_providers").select(COLUMNS).where("tenant_id", "=", tenant).where("id", "=", id),
  );
  if (found === undefined) throw new ServerError("NOT_FOUND", { provider: id });
  return found;
}

/** The tenant of a provider, for those who have no token yet. @throws {ServerError} NOT_FOUND */
export async function tenantOfProvider(postgres: Postgres, id: string): Promise<string> {
  const found = await postgres.shared((session) =>
    session.first(sql.selectFrom("provider_tenants").select("tenant_id").where("provider_id", "=", id)),
  );
  if (found === undefined) throw new ServerError("NOT_FOUND", { provider: id });
  return found.tenant_id;
}

type Written = Omit<IdentityProvider, "created_at" | "updated_at">;

/** @throws {ServerError} CONFLICT if the name or the issuer is taken; NOT_POSSIBLE if there are too many */
export async function addProvider(session: Session, tenant: string, provider: Written): Promise<void> {
  await requireFree(session, tenant, provider);
  const [row] = await session.raw<{ n: number }>("SELECT count(*) AS n FROM identity_providers WHERE tenant_id = $1", [
    tenant,
  ]);
  if ((row?.n ?? 0) >= PROVIDERS_MAX)
    throw new ServerError("NOT_POSSIBLE", { reason: `a tenant has at most ${PROVIDERS_MAX} providers` });
  const { rules, ...columns } = provider;
  await session.run(
    sql.insertInto("identity_providers").values({ tenant_id: tenant, ...columns, rules: JSON.stringify(rules) }),
  );
  await session.run(sql.insertInto("provider_tenants").values({ provider_id: provider.id, tenant_id: tenant }));
}

/** Replaces what is said of a provider. @throws {ServerError} CONFLICT */
export async function changeProvider(session: Session, tenant: string, provider: Written): Promise<void> {
  await requireFree(session, tenant, provider);
  const { id, rules, ...columns } = provider;
  await session.run(
    sql
      .updateTable("identity_providers")
      .set({ ...columns, rules: JSON.stringify(rules), updated_at: new Date() })
      .where("tenant_id", "=", tenant)
      .where("id", "=", id),
  );
}

/** Removes a provider with the sessions that it has begun. Who was signed in by it stays a user. */
export async function removeProvider(session: Session, tenant: string, id: string): Promise<void> {
  await session.raw("DELETE FROM identity_providers WHERE tenant_id = $1 AND id = $2", [tenant, id]);
}

/** Ends the sessions that a provider has begun. @returns how many */
export async function endSessionsOf(session: Session, tenant: string, provider: string): Promise<number> {
  const ended = await session.raw("DELETE FROM sessions WHERE tenant_id = $1 AND provider_id = $2 RETURNING 1", [
    ...[tenant, provider],
  ]);
  return ended.length;
}

async function requireFree(session: Session, tenant: string, { id, name, issuer }: Written): Promise<void> {
  // The roles that it gives stay, too.
  await lockRoles(session, tenant);
  const [taken] = await session.raw<{ name: string }>(
    "SELECT name FROM identity_providers WHERE tenant_id = $1 AND id <> $2 AND (name = $3 OR issuer = $4)",
    [tenant, id, name, issuer],
  );
  if (taken !== undefined)
    throw new ServerError("CONFLICT", { provider: taken.name, reason: "it has this name or this issuer" });
}
