import { createHash, createHmac } from "node:crypto";
import type { IncomingHttpHeaders } from "node:http";

/** A request as a store with Amazon's signatures (version 4) sees it. */
export interface SignedRequest {
  readonly method: string;
  /** Path and query, as sent. */
  readonly url: string;
  readonly headers: IncomingHttpHeaders;
}

export interface Claim {
  readonly keyId: string;
  readonly signature: string;
  /** What the signature must be, with this secret. */
  expected(secret: string): string;
  /** When the request or the link was signed, and for how many seconds it is valid. */
  readonly signedAt: Date;
  readonly validS: number;
}

const CLOCK_S = 15 * 60;

/** What a request says of who has signed it: in its header or, if it is a link, in its query. */
export function claimOf({ method, url, headers }: SignedRequest): Claim | undefined {
  const { pathname, searchParams } = new URL(url, "http://store");
  const header = headers.authorization ?? "";
  const said = new Map(
    [...header.matchAll(/(Credential|SignedHeaders|Signature)=([^,\s]+)/g)].map(([, key = "", value = ""]) => [
      key,
      value,
    ]),
  );
  const get = (key: string): string => said.get(key) ?? searchParams.get(`X-Amz-${key}`) ?? "";
  const [keyId = "", ...scope] = get("Credential").split("/");
  const date = headers["x-amz-date"]?.toString() ?? get("Date");
  if (keyId === "" || date === "") return undefined;
  const names = get("SignedHeaders").split(";");
  const payload = (said.size > 0 ? headers["x-amz-content-sha256"]?.toString() : undefined) ?? "UNSIGNED-PAYLOAD";
  const query = [...searchParams]
    .filter(([key]) => key !== "X-Amz-Signature")
    .map(([key, value]) => `${escaped(key)}=${escaped(value)}`)
    .toSorted();
  const canonical = [
    ...[method, pathname, query.join("&")],
    ...names.map((name) => `${name}:${headers[name]?.toString().trim() ?? ""}`),
    ...["", names.join(";"), payload],
  ].join("\n");
  const text = ["AWS4-HMAC-SHA256", date, scope.join("/"), createHash("sha256").update(canonical).digest("hex")];
  return {
    keyId,
    signature: get("Signature"),
    expected: (secret) =>
      hmac(
        scope.reduce<string | Buffer>((key, part) => hmac(key, part), `AWS4${secret}`),
        text.join("\n"),
      ).toString("hex"),
    signedAt: new Date(date.replace(/^(....)(..)(..)T(..)(..)(..)Z$/, "$1-$2-$3T$4:$5:$6Z")),
    validS: said.size > 0 ? CLOCK_S : Number(get("Expires")),
  };
}

const hmac = (key: string | Buffer, text: string): Buffer => createHmac("sha256", key).update(text).digest();

const escaped = (text: string): string =>
  encodeURIComponent(text).replace(/[!'()*]/g, (c) => `%${c.charCodeAt(0).toString(16).toUpperCase()}`);
