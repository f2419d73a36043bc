import { createHash, randomBytes } from "node:crypto";

/** What a link is for: the first password of a person, or a new one. */
export type LinkPurpose = "invitation" | "reset";

/** How long a link is valid. */
export const PASSWORD_LINK_S: Readonly<Record<LinkPurpose, number>> = { invitation: 7 * 24 * 3600, reset: 3600 };

/** The page that a link opens. */
export const PASSWORD_PAGE = "/set-password";

const TENANT_BYTES = 16;
const SECRET_BYTES = 32;
const TOKEN = /^[\w-]{64}$/;

/** What a link has: 64 characters, of which the first ones name the tenant. Only its hash is kept. */
export function newLinkToken(tenant: string): string {
  const id = Buffer.from(tenant.replaceAll("-", ""), "hex");
  return Buffer.concat([id, randomBytes(SECRET_BYTES)]).toString("base64url");
}

/** @returns the tenant that a token names, or `undefined` if it is no token */
export function tenantOfToken(token: string): string | undefined {
  if (!TOKEN.test(token)) return undefined;
  const hex = Buffer.from(token, "base64url").subarray(0, TENANT_BYTES).toString("hex");
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5");
}

export const hashOfToken = (token: string): Buffer => createHash("sha256").update(token).digest();

/**
 * The link. The token is behind the `#`: browsers do not send it, so that it is in no log of a server or a proxy.
 *
 * @param publicUrl the configured address of the server; without it, the link is relative to wherever the server is
 */
export const passwordLink = (publicUrl: string | undefined, token: string): string =>
  `${publicUrl ?? ""}${PASSWORD_PAGE}#${token}`;
