import { createHmac, createPrivateKey, createPublicKey, hkdfSync } from "node:crypto";
import { jwtVerify, SignJWT } from "jose";

/** What a token says: who, of which tenant, of which kind. */
export interface Claims {
  /** The auth set of a device, or the session of a person. */
  readonly jti: string;
  /** The device or the user. */
  readonly sub: string;
  readonly tenant: string;
  /** `console`: a session of a browser, whose token is in a cookie and is good for nothing else. */
  readonly kind: "device" | "user" | "console";
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
  /** What a page must send to show that it is the console's own: a secret that belongs to one session. */
  pageSecret(session: string): string;
}

/** Mender's names for the issuers: clients and tools look at the claims of tokens. */
const ISSUER = { device: "Mender", user: "mender.useradm", console: "switchback.console" } as const;
const KINDS = ["device", "user", "console"] as const satisfies readonly Claims["kind"][];
const OWN = {
  device: { "mender.device": true, "mender.plan": "enterprise" },
  user: { "mender.user": true, scp: "mender.*" },
  console: {},
} as const;
const UUID = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

/** Tokens are JWTs that Ed25519 signs. No other algorithm is ever accepted. */
export function createTokens(privateKeyPem: string): Tokens {
  const privateKey = createPrivateKey(privateKeyPem);
  const publicKey = createPublicKey(privateKey);
  const pageKey = Buffer.from(hkdfSync("sha256", privateKeyPem, "", "pages of the console", 32));
  return {
    pageSecret: (session) => createHmac("sha256", pageKey).update(session).digest("base64url"),
    async sign({ jti, sub, tenant, kind }, lifetimeS, issuedAt = Math.floor(Date.now() / 1000)) {
      const token = new SignJWT({ ...OWN[kind], "mender.tenant": tenant })
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
      const kind = KINDS.find((one) => iss === ISSUER[one]);
      if (kind === undefined || iat === undefined) return undefined;
      if (kind !== "console" && own[`mender.${kind}`] !== true) return undefined;
      if (![jti, sub, tenant].every((id) => typeof id === "string" && UUID.test(id))) return undefined;
      return { jti: String(jti), sub: String(sub), tenant: String(tenant), kind, issuedAt: iat, expiresAt: exp };
    },
  };
}
