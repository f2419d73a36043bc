import { createHmac, generateKeyPairSync, randomUUID } from "node:crypto";
import { SignJWT } from "jose";
import type { TestServer } from "./test-server.ts";

const part = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString("base64url");

/** Whose token it is: as the claims of a token say. */
interface Owner {
  readonly jti: string;
  readonly sub: string;
  readonly kind: "device" | "user";
}

/**
 * Tokens that are not valid for the owner of a valid one, by what is wrong with them.
 *
 * @param valid the owner's token
 * @param other a valid token of somebody else
 */
export async function badTokens(
  { server, tenant }: TestServer,
  owner: Owner,
  valid: string,
  other: string,
): Promise<Readonly<Record<string, string | undefined>>> {
  const { tokens } = server.services;
  const own = { ...owner, tenant: tenant.id };
  const otherKind = owner.kind === "device" ? "user" : "device";
  const [head = "", claims = "", signature = ""] = valid.split(".");
  const [, otherClaims = "", otherSignature = ""] = other.split(".");
  const payload = JSON.parse(Buffer.from(claims, "base64url").toString());
  const signedWith = (alg: string, key: string): string => {
    const text = `${part({ alg, typ: "JWT" })}.${claims}`;
    return `${text}.${createHmac("sha256", key).update(text).digest("base64url")}`;
  };
  const ownKey = generateKeyPairSync("ed25519");
  return {
    "no token": undefined,
    "an expired token": await tokens.sign(own, -60),
    [`a token of the kind ${otherKind} with the same claims`]: await tokens.sign({ ...own, kind: otherKind }, 60),
    "a token for another owner": await tokens.sign({ ...own, sub: randomUUID() }, 60),
    "a token of a session or key that does not exist": await tokens.sign({ ...own, jti: randomUUID() }, 60),
    "a token in another tenant": await tokens.sign({ ...own, tenant: randomUUID() }, 60),
    "algorithm none": `${part({ alg: "none", typ: "JWT" })}.${claims}.`,
    "algorithm none, with a signature": `${part({ alg: "none", typ: "JWT" })}.${claims}.${signature}`,
    "HMAC with an empty key": signedWith("HS256", ""),
    "HMAC with what the signature shows": signedWith("HS256", signature),
    "the name of another algorithm": `${part({ alg: "RS256", typ: "JWT" })}.${claims}.${signature}`,
    "another key": await new SignJWT(payload).setProtectedHeader({ alg: "EdDSA" }).sign(ownKey.privateKey),
    "another key, which the token itself names": await new SignJWT(payload)
      .setProtectedHeader({ alg: "EdDSA", jwk: ownKey.publicKey.export({ format: "jwk" }) })
      .sign(ownKey.privateKey),
    "claims that were changed": `${head}.${otherClaims}.${signature}`,
    "a signature of another token": `${head}.${claims}.${otherSignature}`,
    "no token at all": "x",
    "a token in two": `${valid} ${valid}`,
  };
}
