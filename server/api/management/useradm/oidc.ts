import { randomBytes } from "node:crypto";
import type { FastifyReply, FastifyRequest } from "fastify";
import { z } from "zod";
import { Id } from "../../../../src/protocol/api/common.ts";
import { CallbackQuery, HandoverBody, StartQuery } from "../../../../src/protocol/api/sign-in.ts";
import { findProvider, tenantOfProvider } from "../../../adapters/postgres/identity-providers.ts";
import {
  HANDOVER_S,
  keepHandover,
  keepSignIn,
  type SignIn,
  takeHandover,
  takeSignIn,
} from "../../../adapters/postgres/sign-ins.ts";
import { ownPath, programUrl, type Target } from "../../../domain/sign-in/target.ts";
import { ServerError } from "../../../errors/server-error.ts";
import type { Routes } from "../../app-types.ts";
import type { Services } from "../../services.ts";
import { admitPerson } from "./admit-person.ts";
import { beginProviderSession } from "./begin-provider-session.ts";
import { OIDC, oidcUrl } from "./oidc-url.ts";
import { addCookie, cookieHeader, cookieOf, type SignInCookie } from "./sign-in-cookies.ts";

const params = z.object({ id: Id });
/** The browser that began: it comes back by a link of the provider, so the cookie must come along with links. */
const BROWSER: SignInCookie = { name: "switchback-sign-in", sameSite: "Lax", seconds: 600 };
const HANDOVER: SignInCookie = { name: "switchback-handover", sameSite: "Strict", seconds: HANDOVER_S };
const BODY_LIMIT_BYTES = 16 * 1024;

const secret = (): string => randomBytes(32).toString("base64url");
const isSecure = (url: string): boolean => url.startsWith("https:");

/**
 * The sign-in by an identity provider. A person begins at `start`, comes back to `callback`, and then fetches the token:
 * it is in no URL, and in no cookie.
 */
export const oidcRoutes =
  (services: Services): Routes =>
  (app) => {
    const { postgres, openId } = services;

    app.get(
      `${OIDC}/:id/start`,
      { config: { auth: "none" }, schema: { params, querystring: StartQuery, response: { 303: z.undefined() } } },
      async (request, reply) => {
        const { id } = request.params;
        const target = targetOf(request.query);
        const tenant = await tenantOfProvider(postgres, id);
        const provider = await postgres.inTenant(tenant, (session) => findProvider(session, tenant, id));
        const redirectUri = oidcUrl(services, request, id, "callback");
        const expected = openId.newExpected(redirectUri);
        const url = await openId.begin(provider, expected);
        const browser = secret();
        await keepSignIn(postgres, { ...expected, tenant, provider: id, browser, address: request.ip, target });
        addCookie(reply, cookieHeader(BROWSER, browser, isSecure(redirectUri)));
        return goTo(reply, url);
      },
    );

    app.get(
      `${OIDC}/:id/callback`,
      { config: { auth: "none" }, schema: { params, querystring: CallbackQuery, response: { 303: z.undefined() } } },
      async (request, reply) => {
        const secure = isSecure(oidcUrl(services, request, request.params.id, "callback"));
        const signIn = await theirs(request, request.params.id, request.query.state, secure);
        addCookie(reply, cookieHeader(BROWSER, "", secure));
        const { target } = signIn;
        try {
          const code = await complete(request, signIn);
          if (target.kind === "program") return await goTo(reply, programUrl(target.port, { code }));
          addCookie(reply, cookieHeader(HANDOVER, code, secure));
          return await goTo(reply, target.path);
        } catch (error) {
          // The program waits for an end, too.
          if (target.kind !== "program" || !(error instanceof ServerError)) throw error;
          return goTo(reply, programUrl(target.port, { error: error.code }));
        }
      },
    );

    app.post(
      `${OIDC}/session`,
      {
        config: { auth: "none" },
        bodyLimit: BODY_LIMIT_BYTES,
        schema: { body: HandoverBody.nullish(), response: { 200: z.string() } },
      },
      async (request, reply) => {
        const secure = isSecure(oidcUrl(services, request, "", "callback"));
        const { code = cookieOf(request, HANDOVER, secure), verifier } = request.body ?? {};
        const handover = code === undefined ? undefined : await takeHandover(postgres, code, verifier);
        if (handover === undefined) throw new ServerError("SIGN_IN_INVALID");
        const token = await beginProviderSession(services, request, handover);
        if (request.body === null || request.body === undefined) addCookie(reply, cookieHeader(HANDOVER, "", secure));
        return reply.header("cache-control", "no-store").type("application/jwt").serializer(String).send(token);
      },
    );

    /** @throws {ServerError} SIGN_IN_INVALID */
    async function theirs(
      request: FastifyRequest,
      provider: string,
      state: string | undefined,
      secure: boolean,
    ): Promise<SignIn> {
      const browser = cookieOf(request, BROWSER, secure);
      if (state === undefined || browser === undefined) throw new ServerError("SIGN_IN_INVALID");
      const signIn = await takeSignIn(postgres, { provider, state, browser });
      if (signIn === undefined) throw new ServerError("SIGN_IN_INVALID");
      return signIn;
    }

    /** Asks the provider who it is, and lets them in. @returns the code by which they fetch their token */
    async function complete(request: FastifyRequest, signIn: SignIn): Promise<string> {
      const { tenant, provider: id, target } = signIn;
      const provider = await postgres.inTenant(tenant, (session) => findProvider(session, tenant, id));
      const query = request.url.slice(request.url.indexOf("?") + 1);
      const { issuer, claims } = await openId.finish(provider, signIn, query);
      const code = secret();
      const challenge = target.kind === "program" ? target.challenge : null;
      await postgres.inTenant(tenant, async (session) => {
        const user = await admitPerson(session, request, { tenant, provider, issuer, claims });
        await keepHandover(session, code, { tenant, provider: id, user, challenge });
      });
      return code;
    }
  };

/** @throws {ServerError} REQUEST_INVALID for a target that is not on this server, and for half a program */
function targetOf({ to = "/", port, challenge }: z.output<typeof StartQuery>): Target {
  if (port !== undefined && challenge !== undefined) return { kind: "program", port, challenge };
  if (port !== undefined || challenge !== undefined)
    throw new ServerError("REQUEST_INVALID", { in: "querystring", reason: "port and challenge go together" });
  const path = ownPath(to);
  if (path === undefined)
    throw new ServerError("REQUEST_INVALID", { in: "querystring/to", reason: "expected a path of this server" });
  return { kind: "page", path };
}

/** What is in the address is nobody else's business. */
const goTo = (reply: FastifyReply, url: string) =>
  reply
    .status(303)
    .header("location", url)
    .header("cache-control", "no-store")
    .header("referrer-policy", "no-referrer")
    .send();
