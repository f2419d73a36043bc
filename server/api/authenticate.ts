import type { FastifyRequest, RouteOptions } from "fastify";
import type { Permission } from "../domain/permissions/permissions.ts";
import { ServerError } from "../errors/server-error.ts";
import type { App } from "./app-types.ts";
import type { Callers, Credential, DeviceCaller, PersonCaller } from "./callers.ts";
import { isOwnPage, sessionCookie } from "./cookies.ts";

/** Who may call a route: a device, a person, or anybody. */
export type Auth = "device" | "user" | "none";

declare module "fastify" {
  interface FastifyContextConfig {
    auth?: Auth;
    /** What a person needs for the route: of each route with `auth: "user"`, and of no other. */
    permission?: Permission;
    /** Of a route by which people set up a second factor, if they must have one before they can do anything else. */
    beforeSecondFactor?: true;
  }
  interface FastifyRequest {
    caller: DeviceCaller | PersonCaller | undefined;
    /** Whether a person may have changed something by this request. */
    hasActed: boolean;
  }
}

/** Refuses a route that does not say who may call it: a forgotten line must not open a route. */
export function requireAuth({ config, method, url }: RouteOptions): void {
  if (method === "HEAD") return;
  if (config?.auth === undefined) throw new Error(`${String(method)} ${url}: config.auth is missing`);
  if ((config.auth === "user") !== (config.permission !== undefined))
    throw new Error(`${String(method)} ${url}: a route of people, and no other, has config.permission`);
}

/**
 * Finds the caller of each request, and asks whether a person has the permission that the route declares, before the
 * path, the query or the body is looked at.
 */
export function authenticate(app: App, callers: Callers): void {
  app.decorateRequest("caller", undefined);
  app.addHook("onRequest", (request, _reply, done) => {
    const { auth, permission, beforeSecondFactor } = request.routeOptions.config;
    if (auth === undefined || auth === "none") {
      done();
      return;
    }
    const accept = (caller: FastifyRequest["caller"]): void => {
      request.caller = caller;
      if (caller === undefined) done(new ServerError("UNAUTHORIZED"));
      else if (caller.kind === "user" && caller.mustSetUp && beforeSecondFactor !== true)
        done(new ServerError("SECOND_FACTOR_NOT_SET_UP"));
      else if (permission !== undefined && !(caller.kind === "user" && caller.grants.has(permission)))
        done(new ServerError("FORBIDDEN", { permission }));
      else done();
    };
    if (auth === "device") {
      const token = bearerToken(request.headers.authorization);
      const found = token === undefined ? undefined : callers.device(token);
      if (found instanceof Promise) found.then(accept, done);
      else accept(found);
      return;
    }
    const credential = credentialOf(request);
    if (credential === undefined) accept(undefined);
    else if (credential === "both") done(new ServerError("REQUEST_INVALID", { reason: "a token and a cookie" }));
    else
      callers.person(credential, request.ip).then((person) => {
        if (person?.pageSecret === undefined || isOwnPage(request, person.pageSecret)) accept(person);
        else done(new ServerError("FOREIGN_PAGE"));
      }, done);
  });
}

/**
 * The token of a program, or that in the cookie of the console. A request with both would leave open which of them holds:
 * it is refused.
 */
export function credentialOf({ headers }: FastifyRequest): Credential | "both" | undefined {
  const token = bearerToken(headers.authorization);
  const cookie = sessionCookie(headers.cookie);
  if (headers.authorization !== undefined && cookie !== undefined) return "both";
  if (token !== undefined) return { from: "header", token };
  return cookie === undefined ? undefined : { from: "cookie", token: cookie };
}

/** The person that calls a route with `auth: "user"`. */
export function callingPerson({ caller }: FastifyRequest): PersonCaller {
  if (caller?.kind !== "user") throw new Error("a route without a calling person");
  return caller;
}

/** The device that calls a route with `auth: "device"`. */
export function callingDevice({ caller }: FastifyRequest): DeviceCaller {
  if (caller?.kind !== "device") throw new Error("a route without a calling device");
  return caller;
}

/** The token that a request has. */
function bearerToken(header: string | undefined): string | undefined {
  return /^Bearer ([\w.~+/=-]{1,4096})$/i.exec(header ?? "")?.[1];
}
