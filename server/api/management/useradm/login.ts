import { z } from "zod";
import { LoginOptions } from "../../../../src/protocol/api/useradm.ts";
import { endSession } from "../../../adapters/postgres/sessions.ts";
import { isStorable } from "../../../domain/authentication/storable-text.ts";
import { ServerError } from "../../../errors/server-error.ts";
import type { Routes } from "../../app-types.ts";
import { callingPerson } from "../../authenticate.ts";
import { act } from "../../guard.ts";
import type { Services } from "../../services.ts";
import { logIn } from "./log-in.ts";

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
        const credentials = basicCredentials(request.headers.authorization);
        const lifetimeS = request.body?.no_expiry === true ? undefined : SESSION_S;
        const code = request.body?.token2fa ?? "";
        const claims = await logIn(postgres, request, { ...credentials, code, lifetimeS });
        const token = await tokens.sign({ ...claims, kind: "user" }, lifetimeS);
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
