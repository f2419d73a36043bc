import { z } from "zod";
import { LoginOptions, NewUser, User as UserBody } from "../../../../src/protocol/api/useradm.ts";
import { hashPassword, isPassword } from "../../../adapters/passwords/passwords.ts";
import { addSession, addUser, findLogin, listUsers, type User } from "../../../adapters/postgres/people.ts";
import { ServerError } from "../../../errors/server-error.ts";
import type { Routes } from "../../app-types.ts";
import { callingPerson } from "../../authenticate.ts";
import { act, look } from "../../guard.ts";
import type { Services } from "../../services.ts";

const V1 = "/api/management/v1/useradm";
const SESSION_S = 7 * 24 * 3600;

/** Users, their sessions and tokens: Mender's useradm. */
export const useradmRoutes =
  ({ postgres, tokens }: Services): Routes =>
  (app) => {
    app.post(
      `${V1}/auth/login`,
      { config: { auth: "none" }, schema: { body: LoginOptions.nullish(), response: { 200: z.string() } } },
      async (request, reply) => {
        const { email, password } = basicCredentials(request.headers.authorization);
        const login = await findLogin(postgres, email);
        const matches = await isPassword(password, login?.passwordHash);
        if (login === undefined || !matches) throw new ServerError("LOGIN_FAILED");
        const { tenant, user } = login;
        const expiresAt = new Date(Date.now() + SESSION_S * 1000);
        const jti = await postgres.inTenant(tenant, (session) => addSession(session, tenant, user, expiresAt));
        const token = await tokens.sign({ jti, sub: user, tenant, kind: "user" }, SESSION_S);
        return reply.type("application/jwt").serializer(String).send(token);
      },
    );

    app.get(
      `${V1}/users`,
      { config: { auth: "user" }, schema: { response: { 200: z.array(UserBody) } } },
      async (request) => {
        const { tenant } = callingPerson(request);
        const users = await look(postgres, request, "ReadUsers", (session) => listUsers(session, tenant));
        return users.map(shown);
      },
    );

    app.post(
      `${V1}/users`,
      { config: { auth: "user" }, schema: { body: NewUser, response: { 201: z.undefined() } } },
      async (request, reply) => {
        const { tenant } = callingPerson(request);
        const hash = await hashPassword(request.body.password);
        const user = await act(postgres, request, "ManageUsers", async (session) => {
          const result = await addUser(session, tenant, request.body.email, hash);
          return { result, acts: [{ action: "create", object: { type: "user", id: result.id, email: result.email } }] };
        });
        return reply.status(201).header("location", `${V1}/users/${user.id}`).send();
      },
    );
  };

const shown = ({ id, email, created_at, updated_at, login_at }: User): UserBody => ({
  id,
  email,
  created_ts: created_at.toISOString(),
  updated_ts: updated_at.toISOString(),
  ...(login_at !== null && { login_ts: login_at.toISOString() }),
});

function basicCredentials(header: string | undefined): { readonly email: string; readonly password: string } {
  const encoded = /^Basic ([A-Za-z0-9+/=_-]{1,2048})$/i.exec(header ?? "")?.[1];
  const text = encoded === undefined ? "" : Buffer.from(encoded, "base64").toString("utf8");
  const colon = text.indexOf(":");
  if (colon < 1) throw new ServerError("LOGIN_FAILED");
  return { email: text.slice(0, colon), password: text.slice(colon + 1) };
}
