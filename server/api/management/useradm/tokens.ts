import { z } from "zod";
import { Id } from "../../../../src/protocol/api/common.ts";
import { NewToken, Token } from "../../../../src/protocol/api/useradm.ts";
import { addAccessToken, listAccessTokens, removeAccessToken } from "../../../adapters/postgres/sessions.ts";
import { ServerError } from "../../../errors/server-error.ts";
import type { Routes } from "../../app-types.ts";
import { callingPerson } from "../../authenticate.ts";
import { act, look } from "../../guard.ts";
import type { Services } from "../../services.ts";
import { sessionOriginOf } from "./origin.ts";

const PATH = "/api/management/v1/useradm/settings/tokens";

/** Personal access tokens: for programs that act for a person. */
export const tokenRoutes =
  ({ postgres, tokens }: Services): Routes =>
  (app) => {
    app.get(
      PATH,
      { config: { auth: "user", permission: "Basic" }, schema: { response: { 200: z.array(Token) } } },
      async (request) => {
        const { tenant, user } = callingPerson(request);
        const rows = await look(postgres, request, (session) => listAccessTokens(session, tenant, user));
        return rows.map(({ id, name, expires_at, last_used_at, created_at }) => ({
          ...{ id, name: name ?? "", created_ts: created_at.toISOString() },
          ...(expires_at !== null && { expiration_date: expires_at.toISOString() }),
          ...(last_used_at !== null && { last_used: last_used_at.toISOString() }),
        }));
      },
    );

    app.post(
      PATH,
      { config: { auth: "user", permission: "Basic" }, schema: { body: NewToken, response: { 200: z.string() } } },
      async (request, reply) => {
        const { name, expires_in = 0 } = request.body;
        const { tenant, user } = callingPerson(request);
        const lifetimeS = expires_in === 0 ? undefined : expires_in;
        const expiresAt = lifetimeS === undefined ? null : new Date(Date.now() + lifetimeS * 1000);
        const jti = await act(postgres, request, async (session) => {
          const result = await addAccessToken(session, tenant, user, {
            name,
            expiresAt,
            origin: sessionOriginOf(request),
          });
          const after = { name, expires: expiresAt };
          return { result, acts: [{ action: "create", object: { type: "token", id: result, name }, after }] };
        });
        const token = await tokens.sign({ jti, sub: user, tenant, kind: "user" }, lifetimeS);
        return reply.type("application/jwt").serializer(String).send(token);
      },
    );

    app.delete(
      `${PATH}/:id`,
      {
        config: { auth: "user", permission: "Basic" },
        schema: { params: z.object({ id: Id }), response: { 204: z.undefined() } },
      },
      async (request, reply) => {
        const { id } = request.params;
        const { tenant, user } = callingPerson(request);
        await act(postgres, request, async (session) => {
          if (!(await removeAccessToken(session, tenant, user, id))) throw new ServerError("NOT_FOUND", { token: id });
          return { result: undefined, acts: [{ action: "delete", object: { type: "token", id } }] };
        });
        return reply.status(204).send();
      },
    );
  };
