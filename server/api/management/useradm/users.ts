import { z } from "zod";
import { Id } from "../../../../src/protocol/api/common.ts";
import {
  NewUser,
  PasswordLink,
  User as UserBody,
  UserChange,
  UserQuery,
} from "../../../../src/protocol/api/useradm.ts";
import { hashPassword } from "../../../adapters/passwords/passwords.ts";
import { addUser, listUsers, type User } from "../../../adapters/postgres/people.ts";
import { lockRoles, setsOfRoles } from "../../../adapters/postgres/roles.ts";
import { findUser, removeUser } from "../../../adapters/postgres/users.ts";
import { NO_PASSWORD } from "../../../domain/passwords/no-password.ts";
import { ADMINISTRATOR } from "../../../domain/permissions/matrix.ts";
import { ServerError } from "../../../errors/server-error.ts";
import type { Routes } from "../../app-types.ts";
import { callingPerson } from "../../authenticate.ts";
import { act, look } from "../../guard.ts";
import type { Services } from "../../services.ts";
import { changeAccount, refuseWeak } from "./change-account.ts";
import { linkFor } from "./password-links.ts";
import { requireCovered } from "./roles.ts";

const V1 = "/api/management/v1/useradm";
const V2 = "/api/management/v2/useradm";
const UserPath = z.object({ id: Id });
const nothing = { 204: z.undefined() };

/** The people of a tenant, and one's own account. */
export const userRoutes =
  (services: Services): Routes =>
  (app) => {
    const { postgres } = services;
    app.get(
      `${V1}/users`,
      {
        config: { auth: "user", permission: "ReadUsers" },
        schema: { querystring: UserQuery, response: { 200: z.array(UserBody) } },
      },
      async (request) => {
        const { tenant } = callingPerson(request);
        const users = await look(postgres, request, (session) => listUsers(session, tenant));
        return users.filter(wanted(request.query)).map(shown);
      },
    );

    app.post(
      `${V1}/users`,
      {
        config: { auth: "user", permission: "ManageUsers" },
        schema: { body: NewUser, response: { 201: PasswordLink.optional() } },
      },
      async (request, reply) => {
        const { tenant } = callingPerson(request);
        const { email, password, roles = [ADMINISTRATOR], send_reset_password: sendsLink = false } = request.body;
        if (password === undefined && !sendsLink)
          throw new ServerError("NOT_POSSIBLE", { reason: "give a password, or send_reset_password" });
        if (password !== undefined) refuseWeak(password, email);
        const hash = password === undefined ? NO_PASSWORD : await hashPassword(password);
        const { id, link } = await act(postgres, request, async (session) => {
          await lockRoles(session, tenant);
          requireCovered(request, await setsOfRoles(session, tenant, roles));
          const user = await addUser(session, tenant, email, hash, roles);
          const purpose = password === undefined ? "invitation" : "reset";
          const made = sendsLink ? await linkFor(services, request, session, user.id, purpose) : undefined;
          const object = { type: "user", id: user.id, email: user.email };
          const after = { email: user.email, roles: user.roles };
          const change = made === undefined ? "" : `A link to set a password was ${made.mailed ? "sent" : "shown"}.`;
          return { result: { id: user.id, link: made }, acts: [{ action: "create", object, after, change }] };
        });
        void reply.header("cache-control", "no-store");
        return reply.status(201).header("location", `${V1}/users/${id}`).send(link);
      },
    );

    app.get(
      `${V1}/users/me`,
      {
        config: { auth: "user", permission: "Basic", beforeSecondFactor: true },
        schema: { response: { 200: UserBody } },
      },
      async (request) => {
        const { tenant, user } = callingPerson(request);
        return shown(found(await look(postgres, request, (session) => findUser(session, tenant, user))));
      },
    );

    for (const base of [V1, V2])
      app.put(
        `${base}/users/me`,
        { config: { auth: "user", permission: "Basic" }, schema: { body: UserChange, response: nothing } },
        async (request, reply) => {
          await changeAccount(postgres, request, callingPerson(request).user, request.body);
          return reply.status(204).send();
        },
      );

    app.get(
      `${V1}/users/:id`,
      { config: { auth: "user", permission: "ReadUsers" }, schema: { params: UserPath, response: { 200: UserBody } } },
      async (request) => {
        const { tenant } = callingPerson(request);
        const { id } = request.params;
        return shown(found(await look(postgres, request, (session) => findUser(session, tenant, id))));
      },
    );

    app.put(
      `${V1}/users/:id`,
      {
        config: { auth: "user", permission: "ManageUsers" },
        schema: { params: UserPath, body: UserChange, response: nothing },
      },
      async (request, reply) => {
        await changeAccount(postgres, request, request.params.id, request.body);
        return reply.status(204).send();
      },
    );

    app.delete(
      `${V1}/users/:id`,
      { config: { auth: "user", permission: "ManageUsers" }, schema: { params: UserPath, response: nothing } },
      async (request, reply) => {
        const { tenant } = callingPerson(request);
        const { id } = request.params;
        await act(postgres, request, async (session) => {
          await lockRoles(session, tenant);
          const { roles } = found(await findUser(session, tenant, id));
          requireCovered(request, await setsOfRoles(session, tenant, roles));
          const { email } = found(await removeUser(session, tenant, id));
          return { result: undefined, acts: [{ action: "delete", object: { type: "user", id, email } }] };
        });
        return reply.status(204).send();
      },
    );
  };

function found<T>(user: T | undefined): T {
  if (user === undefined) throw new ServerError("NOT_FOUND");
  return user;
}

/** A tenant has few users: they are chosen from in memory. */
function wanted(query: z.output<typeof UserQuery>): (user: User) => boolean {
  const ids = query.id === undefined ? undefined : [query.id].flat();
  const emails = query.email === undefined ? undefined : [query.email].flat().map((email) => email.toLowerCase());
  const between = (at: Date, after = 0, before = Number.POSITIVE_INFINITY): boolean =>
    at.getTime() >= after * 1000 && at.getTime() <= before * 1000;
  return ({ id, email, created_at, updated_at }) =>
    (ids?.includes(id) ?? true) &&
    (emails?.includes(email) ?? true) &&
    between(created_at, query.created_after, query.created_before) &&
    between(updated_at, query.updated_after, query.updated_before);
}

const shown = ({
  id,
  email,
  roles,
  created_at,
  updated_at,
  login_at,
  has_password,
  second_factor,
}: User): UserBody => ({
  id,
  email,
  roles: [...roles],
  tfa_status: second_factor,
  has_password,
  created_ts: created_at.toISOString(),
  updated_ts: updated_at.toISOString(),
  ...(login_at !== null && { login_ts: login_at.toISOString() }),
});
