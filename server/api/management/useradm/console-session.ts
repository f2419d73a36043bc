import { z } from "zod";
import { ConsoleLogin, ConsoleSession } from "../../../../src/protocol/api/useradm.ts";
import { findTenant } from "../../../adapters/postgres/people.ts";
import { endSession } from "../../../adapters/postgres/sessions.ts";
import { isStorable } from "../../../domain/authentication/storable-text.ts";
import { ServerError } from "../../../errors/server-error.ts";
import type { Routes } from "../../app-types.ts";
import { callingPerson } from "../../authenticate.ts";
import type { PersonCaller } from "../../callers.ts";
import { clearSession, isSameOrigin, setSession } from "../../cookies.ts";
import { act } from "../../guard.ts";
import type { Services } from "../../services.ts";
import { logIn } from "./log-in.ts";

const SESSION = "/api/management/v1/session";
/** Anybody may send it. */
const BODY_LIMIT_BYTES = 16 * 1024;
const LIFETIME_S = 7 * 24 * 3600;
const IDLE_S = 12 * 3600;

/**
 * Sessions of the console: the browser keeps the token in a cookie that no script can read. A session ends after seven
 * days, after twelve hours without a request, or when it is revoked.
 */
export const consoleSessionRoutes =
  ({ postgres, tokens }: Services): Routes =>
  (app) => {
    app.post(
      SESSION,
      {
        config: { auth: "none" },
        bodyLimit: BODY_LIMIT_BYTES,
        schema: { body: ConsoleLogin, response: { 204: z.undefined() } },
      },
      async (request, reply) => {
        // Otherwise another site could log somebody in as somebody else, and read what they then do.
        if (!isSameOrigin(request)) throw new ServerError("FOREIGN_PAGE");
        const { email, password, token2fa: code = "" } = request.body;
        if (!isStorable(email) || !isStorable(password)) throw new ServerError("LOGIN_FAILED");
        const lasts = { lifetimeS: LIFETIME_S, idleS: IDLE_S };
        const claims = await logIn(postgres, request, { email, password, code, ...lasts });
        const token = await tokens.sign({ ...claims, kind: "console" }, LIFETIME_S);
        return reply.status(204).header("set-cookie", setSession(token, LIFETIME_S)).send();
      },
    );

    app.get(
      SESSION,
      {
        config: { auth: "user", permission: "Basic", beforeSecondFactor: true },
        schema: { response: { 200: ConsoleSession } },
      },
      async (request, reply) => {
        const person = callingPerson(request);
        const tenant = await postgres.inTenant(person.tenant, (session) => findTenant(session, person.tenant));
        reply.header("cache-control", "no-store");
        return shown(person, tenant?.name ?? "");
      },
    );

    app.delete(
      SESSION,
      {
        config: { auth: "user", permission: "Basic", beforeSecondFactor: true },
        schema: { response: { 204: z.undefined() } },
      },
      async (request, reply) => {
        const { tenant, user, session: id } = callingPerson(request);
        await act(postgres, request, async (session) => {
          await endSession(session, tenant, user, id);
          return { result: undefined, acts: [{ action: "logout", object: { type: "session", id } }] };
        });
        return reply.status(204).header("set-cookie", clearSession()).send();
      },
    );
  };

function shown({ user, email, tenant, mustSetUp, pageSecret, grants }: PersonCaller, name: string): ConsoleSession {
  return {
    user: { id: user, email },
    tenant: { id: tenant, name },
    ...(pageSecret !== undefined && { csrf_token: pageSecret }),
    must_set_up: mustSetUp,
    permissions: Object.fromEntries(
      [...grants].map(([permission, extent]) => [permission, extent === "all" ? extent : [...extent].toSorted()]),
    ),
  };
}
