import { createPrivateKey, createPublicKey } from "node:crypto";
import { jwtVerify, SignJWT } from "jose";

/** What a token says: who, of which tenant, of which kind. */
export interface Claims {
  /** The auth set of a device, or the session of a person. */
  readonly jti: string;
  /** The device or the user. */
  readonly sub: string;
  readonly tenant: string;
  readonly kind: "device" | "user";
  /** Seconds since 1970. */
  readonly issuedAt: number;
  readonly expiresAt: number | undefined;
}

export interface Tokens {
  /**
   * @param lifetimeS without it, the token never expires
   * @param issuedAt by another clock than that of this machine
   */
  sign(
    claims: Omit<Claims, "issuedAt" | "expiresAt">,
    lifetimeS: number | undefined,
    issuedAt?: number,
  ): Promise<string>;
  /**
   * Checks signature, algorithm, issuer, kind and expiry. Whether the token was revoked is a question for the database.
   *
   * @returns undefined for anything that is not a valid token of this server
   */
  verify(token: string): Promise<Claims | undefined>;
}

/** Mender's names for the issuers: clients and tools look at the claims of tokens. */
const ISSUER = { device: "Mender", user: "mender.useradm" } as const;
const UUID = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

/** Tokens are JWTs that Ed25519 signs. No other algorithm is ever accepted. */
export function createTokens(privateKeyPem: string): Tokens {
  const privateKey = createPrivateKey(privateKeyPem);
  const publicKey = createPublicKey(privateKey);
  return {
    async sign({ jti, sub, tenant, kind }, lifetimeS, issuedAt = Math.floor(Date.now() / 1000)) {
      const own =
        kind === "device"
          ? { "mender.device": true, "mender.plan": "enterprise" }
          : { "mender.user": true, scp: "mender.*" };
      const token = new SignJWT({ ...own, "mender.tenant": tenant })
        .setProtectedHeader({ alg: "EdDSA", typ: "JWT" })
        .setJti(jti)
        .setSubject(sub)
        .setIssuer(ISSUER[kind])
        .setIssuedAt(issuedAt);
      if (lifetimeS !== undefined) token.setExpirationTime(Math.floor(issuedAt) + lifetimeS);
      return token.sign(privateKey);
    },
    async verify(token) {
      const verified = await jwtVerify(token, publicKey, { algorithms: ["EdDSA"] }).catch(() => undefined); // ignored: the token is not valid.
      if (verified === undefined) return undefined;
      const { jti, sub, iat, exp, iss, "mender.tenant": tenant, ...own } = verified.payload;
      const kind = own["mender.device"] === true ? "device" : "user";
      if (kind === "user" && own["mender.user"] !== true) return undefined;
      if (iss !== ISSUER[kind] || iat === undefined) return undefined;
      if (![jti, sub, tenant].every((id) => typeof id === "string" && UUID.test(id))) return undefined;
      return { jti: String(jti), sub: String(sub), tenant: String(tenant), kind, issuedAt: iat, expiresAt: exp };
    },
  };
}
