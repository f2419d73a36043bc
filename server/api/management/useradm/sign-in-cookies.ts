import type { FastifyReply, FastifyRequest } from "fastify";

/** A cookie that no script reads, and no other site's page lets a browser send. */
export interface SignInCookie {
  readonly name: string;
  readonly sameSite: "Lax" | "Strict";
  readonly seconds: number;
}

/** With TLS, the name's prefix has browsers refuse the cookie from anybody but this host. */
const nameOf = ({ name }: SignInCookie, isSecure: boolean): string => (isSecure ? `__Host-${name}` : name);

/** @param value empty: the browser forgets the cookie */
export function cookieHeader(cookie: SignInCookie, value: string, isSecure: boolean): string {
  const { sameSite, seconds } = cookie;
  const age = value === "" ? 0 : seconds;
  const secure = isSecure ? "; Secure" : "";
  return `${nameOf(cookie, isSecure)}=${value}; Path=/; Max-Age=${age}; HttpOnly; SameSite=${sameSite}${secure}`;
}

export function addCookie(reply: FastifyReply, header: string): void {
  reply.header("set-cookie", [reply.getHeader("set-cookie") ?? [], header].flat().map(String));
}

export function cookieOf({ headers }: FastifyRequest, cookie: SignInCookie, isSecure: boolean): string | undefined {
  const prefix = `${nameOf(cookie, isSecure)}=`;
  const found = (headers.cookie ?? "").split(";").map((one) => one.trim());
  const value = found.find((one) => one.startsWith(prefix))?.slice(prefix.length);
  return value !== undefined && /^[\w-]{1,128}$/.test(value) ? value : undefined;
}
