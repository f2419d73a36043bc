import type { FastifyRequest } from "fastify";
import { z } from "zod";
import { Id } from "../../../../src/protocol/api/common.ts";
import { SessionQuery, Session as SessionShape } from "../../../../src/protocol/api/useradm.ts";
import type { User } from "../../../adapters/postgres/people.ts";
import type { Session } from "../../../adapters/postgres/postgres.ts";
import { lockRoles, setsOfRoles } from "../../../adapters/postgres/roles.ts";
import { endSession, endSessions, listSessions, type StoredSession } from "../../../adapters/postgres/sessions.ts";
import { findUser } from "../../../adapters/postgres/users.ts";
import { ServerError } from "../../../errors/server-error.ts";
import type { Routes } from "../../app-types.ts";
import { callingPerson } from "../../authenticate.ts";
import { act, look } from "../../guard.ts";
import type { Services } from "../../services.ts";
import { requireCovered } from "./roles.ts";

const USERS = "/api/management/v1/useradm/users";
const Sessions = z.array(SessionShape);
const nothing = { 204: z.undefined() };

/** Sessions and personal access tokens: one's own, and those of others for who manages users. */
export const sessionRoutes =
  ({ postgres }: Services): Routes =>
  (app) => {
    async function list(request: FastifyRequest, user: string): Promise<z.infer<typeof Sessions>> {
      const { tenant, session: own } = callingPerson(request);
      return look(postgres, request, async (session) => {
        await findOwner(session, tenant, user);
        return (await listSessions(session, tenant, user)).map((row) => shown(row, own));
      });
    }

    async function revokeOne(request: FastifyRequest, user: string, id: string): Promise<void> {
      const { tenant } = callingPerson(request);
      await act(postgres, request, async (session) => {
        const { email } = await ownerToChange(session, request, user);
        if (!(await endSession(session, tenant, user, id))) throw new ServerError("NOT_FOUND", { session: id });
        const object = { type: "session", id, user, email };
        return { result: undefined, acts: [{ action: "delete", object }] };
      });
    }

    async function revokeAll(request: FastifyRequest, user: string, kind: "session" | "token" | undefined) {
      const { tenant, session: own } = callingPerson(request);
      await act(postgres, request, async (session) => {
        const { email } = await ownerToChange(session, request, user);
        const ended = await endSessions(session, tenant, user, { kind, but: own });
        const change = `${kind === undefined ? "sessions and access tokens" : `${kind}s`}: ${ended} ended`;
        const acts = ended === 0 ? [] : [{ action: "update", object: { type: "user", id: user, email }, change }];
        return { result: undefined, acts };
      });
    }

    app.get(
      `${USERS}/me/sessions`,
      { config: { auth: "user", permission: "Basic" }, schema: { response: { 200: Sessions } } },
      (request) => list(request, callingPerson(request).user),
    );
    app.delete(
      `${USERS}/me/sessions`,
      { config: { auth: "user", permission: "Basic" }, schema: { querystring: SessionQuery, response: nothing } },
      async (request, reply) => {
        await revokeAll(request, callingPerson(request).user, request.query.kind);
        return reply.status(204).send();
      },
    );
    app.delete(
      `${USERS}/me/sessions/:session`,
      {
        config: { auth: "user", permission: "Basic" },
        schema: { params: z.object({ session: Id }), response: nothing },
      },
      async (request, reply) => {
        await revokeOne(request, callingPerson(request).user, request.params.session);
        return reply.status(204).send();
      },
    );
    app.get(
      `${USERS}/:id/sessions`,
      {
        config: { auth: "user", permission: "ReadUsers" },
        schema: { params: z.object({ id: Id }), response: { 200: Sessions } },
      },
      (request) => list(request, request.params.id),
    );
    app.delete(
      `${USERS}/:id/sessions`,
      {
        config: { auth: "user", permission: "ManageUsers" },
        schema: { params: z.object({ id: Id }), querystring: SessionQuery, response: nothing },
      },
      async (request, reply) => {
        await revokeAll(request, request.params.id, request.query.kind);
        return reply.status(204).send();
      },
    );
    app.delete(
      `${USERS}/:id/sessions/:session`,
      {
        config: { auth: "user", permission: "ManageUsers" },
        schema: { params: z.object({ id: Id, session: Id }), response: nothing },
      },
      async (request, reply) => {
        await revokeOne(request, request.params.id, request.params.session);
        return reply.status(204).send();
      },
    );
  };

/** @throws {ServerError} NOT_FOUND */
async function findOwner(session: Session, tenant: string, id: string): Promise<User> {
  const user = await findUser(session, tenant, id);
  if (user === undefined) throw new ServerError("NOT_FOUND", { user: id });
  return user;
}

/**
 * The user, whom the caller may change: oneself, or somebody who may do no more.
 *
 * @throws {ServerError} NOT_FOUND, FORBIDDEN
 */
export async function ownerToChange(session: Session, request: FastifyRequest, id: string): Promise<User> {
  const { tenant, user: self } = callingPerson(request);
  if (id === self) return findOwner(session, tenant, id);
  await lockRoles(session, tenant);
  const user = await findOwner(session, tenant, id);
  requireCovered(request, await setsOfRoles(session, tenant, user.roles));
  return user;
}

function shown(row: StoredSession, own: string): z.infer<typeof SessionShape> {
  const { id, kind, name, created_at, expires_at, last_used_at, address, user_agent, last_address, provider_id } = row;
  return {
    ...{ id, kind, issued_at: created_at.toISOString(), current: id === own },
    ...(name !== null && { name }),
    ...(expires_at !== null && { expires_at: expires_at.toISOString() }),
    ...(last_used_at !== null && { last_used_at: last_used_at.toISOString() }),
    ...(address !== null && { address }),
    ...(user_agent !== null && { user_agent }),
    ...(last_address !== null && { last_address }),
    ...(provider_id !== null && { provider: provider_id }),
  };
}
