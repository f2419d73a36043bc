import { timingSafeEqual } from "node:crypto";
import type { FastifyRequest } from "fastify";

/**
 * The cookie of a session of the console. By its prefix, browsers take it only from this host, over TLS or on the
 * loopback address, and for all paths.
 */
const SESSION = "__Host-session";

/** The token in the cookie of the console. */
export function sessionCookie(header: string | undefined): string | undefined {
  if (header === undefined || !header.includes(SESSION)) return undefined;
  return /(?:^|;\s*)__Host-session=([\w.~+/=-]{1,4096})\s*(?:;|$)/.exec(header)?.[1];
}

/** Of `Lax`, a link in a message leads to the page, logged in; another site cannot send anything that changes something. */
const ATTRIBUTES = "Path=/; HttpOnly; Secure; SameSite=Lax";

export const setSession = (token: string, lifetimeS: number): string =>
  `${SESSION}=${token}; Max-Age=${lifetimeS}; ${ATTRIBUTES}`;

export const clearSession = (): string => `${SESSION}=; Max-Age=0; ${ATTRIBUTES}`;

/** Methods that change nothing. */
const SAFE: ReadonlySet<string> = new Set(["GET", "HEAD", "OPTIONS"]);

/**
 * Whether a request with the cookie may do what it asks for: it reads only, or it comes from a page of this origin that
 * knows the session's secret.
 */
export function isOwnPage(request: FastifyRequest, secret: string): boolean {
  if (SAFE.has(request.method)) return true;
  const { "x-csrf-token": sent } = request.headers;
  if (typeof sent !== "string") return false;
  const [said, expected] = [Buffer.from(sent), Buffer.from(secret)];
  return said.length === expected.length && timingSafeEqual(said, expected) && isSameOrigin(request);
}

/** Whether a browser says that a page of this origin sends the request. Old browsers say the origin only. */
export function isSameOrigin({ headers, host }: FastifyRequest): boolean {
  const { "sec-fetch-site": site, origin } = headers;
  if (site !== undefined) return site === "same-origin";
  return origin !== undefined && URL.canParse(origin) && new URL(origin).host === host;
}
