import { once } from "node:events";
import { createServer, type IncomingMessage } from "node:http";
import type { AddressInfo } from "node:net";
import { exportJWK, generateKeyPair, SignJWT } from "jose";

/** What a provider that is wrong about something changes. */
export interface Whims {
  /** Of the ID token. */
  readonly claims?: Readonly<Record<string, unknown>>;
  /** The token as a whole, out of what it would have been. */
  readonly token?: (claims: Readonly<Record<string, unknown>>) => Promise<string> | string;
  /** Of what it says of itself. */
  readonly metadata?: Readonly<Record<string, unknown>>;
}

/** A provider without pages, which can be wrong about anything. Everybody who begins comes back at once. */
export async function startRogueProvider() {
  const { privateKey, publicKey } = await generateKeyPair("RS256");
  const jwk = { ...(await exportJWK(publicKey)), kid: "k1", alg: "RS256", use: "sig" };
  const nonces = new Map<string, string>();
  const shared = { whims: {} as Whims, issuer: "", tokenRequests: [] as URLSearchParams[], close };
  const http = createServer((request, response) => {
    void answer(request).then(
      (body) => response.writeHead(200, { "content-type": "application/json" }).end(JSON.stringify(body)),
      (error: unknown) => response.writeHead(500).end(String(error)),
    );
  }).listen(0, "127.0.0.1");
  await once(http, "listening");
  shared.issuer = `http://127.0.0.1:${(http.address() as AddressInfo).port}`;
  return { ...shared, shared, comeBack, sign };

  function sign(claims: Readonly<Record<string, unknown>>, header: object = {}): Promise<string> {
    return new SignJWT({ ...claims }).setProtectedHeader({ alg: "RS256", kid: "k1", ...header }).sign(privateKey);
  }

  /** Where a person comes back to who was sent here by this address. */
  function comeBack(authorization: string): string {
    const { searchParams: asked } = new URL(authorization);
    const code = crypto.randomUUID();
    nonces.set(code, asked.get("nonce") ?? "");
    const query = new URLSearchParams({ code, state: asked.get("state") ?? "" });
    return `${asked.get("redirect_uri")}?${query}`;
  }

  async function answer(request: IncomingMessage): Promise<unknown> {
    const { issuer, whims } = shared;
    if (request.url === "/.well-known/openid-configuration")
      return {
        ...{ issuer, authorization_endpoint: `${issuer}/auth`, token_endpoint: `${issuer}/token` },
        ...{ jwks_uri: `${issuer}/jwks`, response_types_supported: ["code"], subject_types_supported: ["public"] },
        ...{ id_token_signing_alg_values_supported: ["RS256"], ...whims.metadata },
      };
    if (request.url === "/jwks") return { keys: [jwk] };
    let body = "";
    for await (const chunk of request) body += String(chunk);
    const form = new URLSearchParams(body);
    shared.tokenRequests.push(form);
    const now = Math.floor(Date.now() / 1000);
    const claims = {
      ...{ iss: issuer, aud: "switchback", sub: "someone", iat: now, exp: now + 300 },
      ...{ nonce: nonces.get(form.get("code") ?? ""), email: "someone@example.com", groups: ["all"] },
      ...whims.claims,
    };
    const id_token = await (whims.token?.(claims) ?? sign(claims));
    return { access_token: "a", token_type: "Bearer", id_token };
  }

  async function close(): Promise<void> {
    http.closeAllConnections();
    http.close();
    await once(http, "close");
  }
}
