import { BUILT_IN_ROLES, type ScopedSet } from "../../domain/permissions/matrix.ts";
import { ServerError } from "../../errors/server-error.ts";
import type { Session } from "./postgres.ts";

export interface Role {
  readonly name: string;
  readonly description: string;
  readonly sets: readonly ScopedSet[];
  readonly isBuiltIn: boolean;
}

const ROLES_MAX = 200;

/** The built-in roles, then those of the tenant. */
export async function listRoles(session: Session, tenant: string): Promise<readonly Role[]> {
  const own = await session.raw<{ name: string; description: string; sets: readonly ScopedSet[] }>(
    "SELECT name, description, sets FROM roles WHERE tenant_id = $1 ORDER BY name",
    [tenant],
  );
  const builtIn = Object.entries(BUILT_IN_ROLES).map(([name, role]) => ({ name, ...role, isBuiltIn: true }));
  return [...builtIn, ...own.map((role) => ({ ...role, isBuiltIn: false }))];
}

/** @throws {ServerError} NOT_FOUND */
export async function findRole(session: Session, tenant: string, name: string): Promise<Role> {
  const role = (await listRoles(session, tenant)).find((one) => one.name === name);
  if (role === undefined) throw new ServerError("NOT_FOUND", { role: name });
  return role;
}

/** What roles with these names consist of. @throws {ServerError} NOT_POSSIBLE if there is no such role */
export async function setsOfRoles(
  session: Session,
  tenant: string,
  names: readonly string[],
): Promise<readonly ScopedSet[]> {
  const known = new Map((await listRoles(session, tenant)).map(({ name, sets }) => [name, sets]));
  return names.flatMap((role) => {
    const sets = known.get(role);
    if (sets === undefined) throw new ServerError("NOT_POSSIBLE", { role, reason: "there is no such role" });
    return sets;
  });
}

/** @throws {ServerError} CONFLICT if there is a role of this name; NOT_POSSIBLE if there are too many */
export async function addRole(
  session: Session,
  tenant: string,
  { name, description, sets }: Omit<Role, "isBuiltIn">,
): Promise<void> {
  await lockRoles(session, tenant);
  const present = await listRoles(session, tenant);
  if (name.startsWith("RBAC_ROLE_") || present.some((role) => role.name === name))
    throw new ServerError("CONFLICT", { role: name, reason: "the name is taken" });
  if (present.length >= ROLES_MAX) throw new ServerError("NOT_POSSIBLE", { reason: `more than ${ROLES_MAX} roles` });
  await session.raw("INSERT INTO roles (tenant_id, name, description, sets) VALUES ($1, $2, $3, $4)", [
    ...[tenant, name, description, JSON.stringify(sets)],
  ]);
}

/** The role is there: the caller has found it. Whoever has it has the new permissions with their next request. */
export async function changeRole(
  session: Session,
  tenant: string,
  { name, description, sets }: Omit<Role, "isBuiltIn">,
): Promise<void> {
  await session.raw(
    "UPDATE roles SET description = $3, sets = $4, updated_at = now() WHERE tenant_id = $1 AND name = $2",
    [tenant, name, description, JSON.stringify(sets)],
  );
}

/** @throws {ServerError} CONFLICT while a user has it, or a provider gives it */
export async function removeRole(session: Session, tenant: string, name: string): Promise<void> {
  await lockRoles(session, tenant);
  const [row] = await session.raw<{ n: number }>(
    "SELECT count(*) AS n FROM users WHERE tenant_id = $1 AND $2 = ANY (roles)",
    [tenant, name],
  );
  const users = row?.n ?? 0;
  if (users > 0) throw new ServerError("CONFLICT", { role: name, users, reason: "users have this role" });
  const [provider] = await session.raw<{ name: string }>(
    `SELECT name FROM identity_providers WHERE tenant_id = $1 AND (rules->'defaultRoles' ? $2
      OR rules->'roleMapping' @> jsonb_build_array(jsonb_build_object('roles', jsonb_build_array($2::text)))) LIMIT 1`,
    [tenant, name],
  );
  if (provider !== undefined)
    throw new ServerError("CONFLICT", { role: name, provider: provider.name, reason: "a provider gives this role" });
  await session.raw("DELETE FROM roles WHERE tenant_id = $1 AND name = $2", [tenant, name]);
}

/** Who gives roles to users, makes or removes one waits for the others, so that nobody has a role that is gone. */
export async function lockRoles(session: Session, tenant: string): Promise<void> {
  await session.raw("SELECT pg_advisory_xact_lock(hashtextextended($1, 3))", [tenant]);
}
