import { z } from "zod";
import { LoginOptions } from "../../../../src/protocol/api/useradm.ts";
import { isPassword } from "../../../adapters/passwords/passwords.ts";
import { beginAttempt, beginCode, endAttempt } from "../../../adapters/postgres/login-attempts.ts";
import { findLogin } from "../../../adapters/postgres/people.ts";
import { useSecondFactor } from "../../../adapters/postgres/second-factors.ts";
import { addSession, endSession } from "../../../adapters/postgres/sessions.ts";
import { isStorable } from "../../../domain/authentication/storable-text.ts";
import { ServerError } from "../../../errors/server-error.ts";
import type { Routes } from "../../app-types.ts";
import { callingPerson } from "../../authenticate.ts";
import { act } from "../../guard.ts";
import type { Services } from "../../services.ts";
import { originOf } from "./origin.ts";

const V1 = "/api/management/v1/useradm";
/** Anybody may send it. */
const BODY_LIMIT_BYTES = 16 * 1024;
const SESSION_S = 7 * 24 * 3600;

/** Begins and ends sessions of people. */
export const loginRoutes =
  ({ postgres, tokens }: Services): Routes =>
  (app) => {
    app.post(
      `${V1}/auth/login`,
      {
        config: { auth: "none" },
        bodyLimit: BODY_LIMIT_BYTES,
        schema: { body: LoginOptions.nullish(), response: { 200: z.string() } },
      },
      async (request, reply) => {
        const { email, password } = basicCredentials(request.headers.authorization);
        const attempt = { account: email, address: request.ip };
        await beginAttempt(postgres, attempt);
        const login = await findLogin(postgres, email);
        const matches = await isPassword(password, login?.passwordHash);
        if (login === undefined || !matches) throw new ServerError("LOGIN_FAILED");
        const { tenant, user, hasSecondFactor } = login;
        const code = request.body?.token2fa ?? "";
        if (hasSecondFactor) {
          if (code === "") throw new ServerError("SECOND_FACTOR_MISSING");
          await beginCode(postgres, attempt);
        }
        const lifetimeS = request.body?.no_expiry === true ? undefined : SESSION_S;
        const expiresAt = lifetimeS === undefined ? null : new Date(Date.now() + lifetimeS * 1000);
        const jti = await postgres.inTenant(tenant, async (session) => {
          if (hasSecondFactor && !(await useSecondFactor(session, tenant, user, code)))
            throw new ServerError("SECOND_FACTOR_WRONG");
          return addSession(session, tenant, user, expiresAt, originOf(request));
        });
        await endAttempt(postgres, attempt);
        const token = await tokens.sign({ jti, sub: user, tenant, kind: "user" }, lifetimeS);
        return reply.type("application/jwt").serializer(String).send(token);
      },
    );

    app.post(
      `${V1}/auth/logout`,
      {
        config: { auth: "user", permission: "Basic", beforeSecondFactor: true },
        schema: { response: { 202: z.undefined() } },
      },
      async (request, reply) => {
        const { tenant, user, session: id } = callingPerson(request);
        await act(postgres, request, async (session) => {
          await endSession(session, tenant, user, id);
          return { result: undefined, acts: [{ action: "logout", object: { type: "session", id } }] };
        });
        return reply.status(202).send();
      },
    );
  };

function basicCredentials(header: string | undefined): { readonly email: string; readonly password: string } {
  const encoded = /^Basic ([A-Za-z0-9+/=_-]{1,2048})$/i.exec(header ?? "")?.[1];
  const text = encoded === undefined ? "" : Buffer.from(encoded, "base64").toString("utf8");
  const colon = text.indexOf(":");
  if (colon < 1 || !isStorable(text)) throw new ServerError("LOGIN_FAILED");
  return { email: text.slice(0, colon), password: text.slice(colon + 1) };
}
