import type { FastifyRequest } from "fastify";
import { z } from "zod";
import {
  type NewRole,
  NewRole as NewRoleBody,
  PermissionSet,
  Role,
  RoleChange,
  RoleName,
} from "../../../../src/protocol/api/roles.ts";
import type { Session } from "../../../adapters/postgres/postgres.ts";
import {
  addRole,
  changeRole,
  findRole,
  listRoles,
  removeRole,
  type Role as StoredRole,
} from "../../../adapters/postgres/roles.ts";
import { findUser } from "../../../adapters/postgres/users.ts";
import { covers, grantsOf } from "../../../domain/permissions/grants.ts";
import { PERMISSION_SETS, type PermissionSetName, type ScopedSet } from "../../../domain/permissions/matrix.ts";
import { ServerError } from "../../../errors/server-error.ts";
import type { Routes } from "../../app-types.ts";
import { callingPerson } from "../../authenticate.ts";
import { act, look } from "../../guard.ts";
import type { Services } from "../../services.ts";

const V1 = "/api/management/v1/useradm";
const V2 = "/api/management/v2/useradm";

/** Roles: Mender's built-in ones, and those that a tenant makes of permission sets. */
export const roleRoutes =
  ({ postgres }: Services): Routes =>
  (app) => {
    const params = z.object({ name: RoleName });
    const nothing = { 204: z.undefined() };

    for (const base of [V1, V2])
      app.get(
        `${base}/roles`,
        { config: { auth: "user", permission: "ReadUsers" }, schema: { response: { 200: z.array(Role) } } },
        async (request) => {
          const { tenant } = callingPerson(request);
          return (await look(postgres, request, (session) => listRoles(session, tenant))).map(shown);
        },
      );

    app.get(
      `${V2}/roles/:name`,
      { config: { auth: "user", permission: "ReadUsers" }, schema: { params, response: { 200: Role } } },
      async (request) => {
        const { tenant } = callingPerson(request);
        return shown(await look(postgres, request, (session) => findRole(session, tenant, request.params.name)));
      },
    );

    app.get(
      `${V2}/permission_sets`,
      { config: { auth: "user", permission: "ReadUsers" }, schema: { response: { 200: z.array(PermissionSet) } } },
      () =>
        Object.entries(PERMISSION_SETS).map(([name, { description, permissions, scope }]) => ({
          ...{ name, description, permissions: [...permissions] },
          supported_scope_types: scope === undefined ? [] : [scope],
        })),
    );

    app.post(
      `${V2}/roles`,
      {
        config: { auth: "user", permission: "ManageUsers" },
        schema: { body: NewRoleBody, response: { 201: z.undefined() } },
      },
      async (request, reply) => {
        const { tenant } = callingPerson(request);
        const { name, description = "", permission_sets_with_scope } = request.body;
        const sets = readSets(permission_sets_with_scope);
        await act(postgres, request, async (session) => {
          requireCovered(request, sets);
          await addRole(session, tenant, { name, description, sets });
          const object = { type: "role", id: name };
          return { result: undefined, acts: [{ action: "create", object, after: { description, sets } }] };
        });
        return reply
          .status(201)
          .header("location", `${V2}/roles/${encodeURIComponent(name)}`)
          .send();
      },
    );

    app.put(
      `${V2}/roles/:name`,
      {
        config: { auth: "user", permission: "ManageUsers" },
        schema: { params, body: RoleChange, response: nothing },
      },
      async (request, reply) => {
        const { tenant } = callingPerson(request);
        const { name } = request.params;
        const sets = readSets(request.body.permission_sets_with_scope);
        await act(postgres, request, async (session) => {
          const before = await findToChange(session, request, name);
          requireCovered(request, sets);
          const { description = before.description } = request.body;
          await changeRole(session, tenant, { name, description, sets });
          const states = {
            before: { description: before.description, sets: before.sets },
            after: { description, sets },
          };
          return { result: undefined, acts: [{ action: "update", object: { type: "role", id: name }, ...states }] };
        });
        return reply.status(204).send();
      },
    );

    app.delete(
      `${V2}/roles/:name`,
      { config: { auth: "user", permission: "ManageUsers" }, schema: { params, response: nothing } },
      async (request, reply) => {
        const { tenant } = callingPerson(request);
        const { name } = request.params;
        await act(postgres, request, async (session) => {
          const { description, sets } = await findToChange(session, request, name);
          await removeRole(session, tenant, name);
          const object = { type: "role", id: name };
          return { result: undefined, acts: [{ action: "delete", object, before: { description, sets } }] };
        });
        return reply.status(204).send();
      },
    );
  };

/**
 * Nobody can give, or take over, more than they have.
 *
 * @throws {ServerError} FORBIDDEN
 */
export function requireCovered(request: FastifyRequest, sets: readonly ScopedSet[]): void {
  if (!covers(callingPerson(request).grants, grantsOf(sets)))
    throw new ServerError("FORBIDDEN", { reason: "it allows more than you may do" });
}

/** @throws {ServerError} NOT_FOUND; NOT_POSSIBLE for a built-in role; OWN_ROLES; FORBIDDEN */
async function findToChange(session: Session, request: FastifyRequest, name: string): Promise<StoredRole> {
  const { tenant, user } = callingPerson(request);
  const role = await findRole(session, tenant, name);
  if (role.isBuiltIn)
    throw new ServerError("NOT_POSSIBLE", { role: name, reason: "a built-in role cannot be changed" });
  if ((await findUser(session, tenant, user))?.roles.includes(name) === true)
    throw new ServerError("OWN_ROLES", { role: name });
  requireCovered(request, role.sets);
  return role;
}

/** @throws {ServerError} REQUEST_INVALID for a set that is not known, or a scope that it does not have */
function readSets(given: NewRole["permission_sets_with_scope"]): readonly ScopedSet[] {
  return given.map(({ name, scope }) => {
    if (!isSet(name)) throw new ServerError("REQUEST_INVALID", { permission_set: name, reason: "is not known" });
    const { scope: supported } = PERMISSION_SETS[name];
    if (scope === undefined) return { name };
    if (scope.type !== supported)
      throw new ServerError("REQUEST_INVALID", { permission_set: name, scope: scope.type, reason: "does not fit" });
    // Releases have their tags in lower case.
    const value = scope.type === "ReleaseTags" ? scope.value.map((tag) => tag.toLowerCase()) : scope.value;
    return { name, scope: { type: scope.type, value: [...new Set(value)] } };
  });
}

const isSet = (name: string): name is PermissionSetName => Object.hasOwn(PERMISSION_SETS, name);

const shown = ({ name, description, sets, isBuiltIn }: StoredRole): Role => ({
  ...{ name, description, built_in: isBuiltIn },
  permission_sets_with_scope: sets.map((set) => ({
    name: set.name,
    ...(set.scope !== undefined && { scope: { type: set.scope.type, value: [...set.scope.value] } }),
  })),
});
