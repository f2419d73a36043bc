import { createHmac, timingSafeEqual } from "node:crypto";

/** A request that a link allows to whoever has the link, until it expires. */
export interface Link {
  readonly method: "GET" | "PUT";
  readonly path: string;
  readonly tenant: string;
  readonly expiresAt: Date;
}

const EXPIRE = "x-men-expire";
const SIGNATURE = "x-men-signature";
const TENANT = "tenant_id";

/** The path of a link with the query that proves it: Mender's scheme, an HMAC-SHA256 over method, path, end and tenant. */
export function signLink(key: Buffer, link: Link): string {
  const expire = link.expiresAt.toISOString();
  const signature = signatureOf(key, { ...link, expire }).toString("base64url");
  return `${link.path}?${new URLSearchParams([
    [EXPIRE, expire],
    [SIGNATURE, signature],
    [TENANT, link.tenant],
  ])}`;
}

export type LinkCheck =
  | { readonly is: "valid"; readonly tenant: string }
  /** The link has expired, or it is not one of ours. */
  | { readonly is: "refused" }
  | { readonly is: "unparsable"; readonly parameter: string };

/** Checks a request that came by a link. */
export function checkLink(
  key: Buffer,
  request: Pick<Link, "method" | "path"> & { readonly query: Readonly<Record<string, unknown>> },
  now: Date,
): LinkCheck {
  const { [EXPIRE]: expire, [SIGNATURE]: signature, [TENANT]: tenant } = request.query;
  if (typeof expire !== "string" || !RFC3339.test(expire) || Number.isNaN(Date.parse(expire)))
    return { is: "unparsable", parameter: EXPIRE };
  if (typeof signature !== "string" || !/^[\w-]{1,128}$/.test(signature))
    return { is: "unparsable", parameter: SIGNATURE };
  if (typeof tenant !== "string" || !UUID.test(tenant)) return { is: "unparsable", parameter: TENANT };
  const expected = signatureOf(key, { method: request.method, path: request.path, tenant, expire });
  const given = Buffer.from(signature, "base64url");
  const isOurs = given.length === expected.length && timingSafeEqual(given, expected);
  return isOurs && now.getTime() < Date.parse(expire) ? { is: "valid", tenant } : { is: "refused" };
}

const RFC3339 = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,9})?Z$/;
const UUID = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

interface Signed {
  readonly method: string;
  readonly path: string;
  readonly tenant: string;
  readonly expire: string;
}

const signatureOf = (key: Buffer, { method, path, tenant, expire }: Signed): Buffer =>
  createHmac("sha256", key).update(`${method}\n${path}\n${EXPIRE}=${expire}\n${TENANT}=${tenant}\n`).digest();
