import { generateKeyPairSync, randomUUID } from "node:crypto";
import { once } from "node:events";
import { createServer, type RequestListener } from "node:http";
import type { AddressInfo } from "node:net";
import { Provider } from "oidc-provider";

/** What the provider says of a person, besides the subject. */
export interface Account {
  readonly email?: string;
  readonly email_verified?: boolean;
  readonly groups?: readonly string[];
}

export interface TestProvider {
  readonly issuer: string;
  /** By subject. Changes hold from the next sign-in on. */
  readonly accounts: Map<string, Account>;
  /** Who signs in next: they type no password here. `undefined`: they give up. */
  person: string | undefined;
  /** Requests that came to it, as `METHOD /path`. */
  readonly asked: string[];
  /** Lets it send people back to this address only. It forgets all sessions, and gets new keys. */
  register(callbackUrl: string): void;
  /** It answers each request so, until this is `undefined`. */
  instead: RequestListener | undefined;
  close(): Promise<void>;
}

export const CLIENT = { client_id: "switchback", client_secret: "a secret of the client" } as const;

/** A real OpenID provider on this machine, with the ways of `oidc-provider`. People sign in without a page. */
export async function startIdentityProvider(): Promise<TestProvider> {
  const accounts = new Map<string, Account>();
  const asked: string[] = [];
  let current: { readonly provider: Provider; readonly listener: RequestListener } | undefined;
  const http = createServer((request, response) => {
    const path = (request.url ?? "").split("?", 1)[0] ?? "";
    asked.push(`${request.method} ${path}`);
    if (shared.instead !== undefined) shared.instead(request, response);
    else if (current === undefined) response.writeHead(503).end();
    else if (path.startsWith("/interaction/")) {
      const { person } = shared;
      const result =
        person === undefined ? { error: "access_denied" } : { login: { accountId: person, remember: false } };
      void current.provider.interactionFinished(request, response, result);
    } else current.listener(request, response);
  }).listen(0, "127.0.0.1");
  await once(http, "listening");
  const issuer = `http://127.0.0.1:${(http.address() as AddressInfo).port}`;
  const shared: TestProvider = {
    ...{ issuer, accounts, asked, person: undefined, instead: undefined },
    register(callbackUrl) {
      const provider = makeProvider(issuer, callbackUrl, accounts);
      current = { provider, listener: provider.callback() };
    },
    async close() {
      http.closeAllConnections();
      http.close();
      await once(http, "close");
    },
  };
  return shared;
}

function makeProvider(issuer: string, callbackUrl: string, accounts: ReadonlyMap<string, Account>): Provider {
  const { privateKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
  const key = { ...privateKey.export({ format: "jwk" }), alg: "RS256", use: "sig", kid: randomUUID() };
  return new Provider(issuer, {
    clients: [{ ...CLIENT, redirect_uris: [callbackUrl], grant_types: ["authorization_code"] }],
    jwks: { keys: [key] },
    cookies: { keys: [randomUUID()] },
    claims: { openid: ["sub"], email: ["email", "email_verified"], groups: ["groups"] },
    scopes: ["openid", "email", "groups"],
    features: { devInteractions: { enabled: false } },
    ttl: { Interaction: 600, Grant: 600, Session: 600, AccessToken: 600, IdToken: 600 },
    pkce: { required: () => true },
    interactions: { url: (_: unknown, { uid }: { uid: string }) => `/interaction/${uid}` },
    findAccount: (_: unknown, id: string) => {
      const account = accounts.get(id);
      return account === undefined ? undefined : { accountId: id, claims: () => ({ sub: id, ...account }) };
    },
    // Nobody is asked whether the server may know who they are.
    async loadExistingGrant({ oidc }: GrantContext) {
      const { session, client, provider, params } = oidc;
      const grant = new provider.Grant({ accountId: session.accountId, clientId: client.clientId });
      grant.addOIDCScope(params.scope);
      await grant.save();
      return grant;
    },
  });
}

interface GrantContext {
  readonly oidc: {
    readonly session: { readonly accountId: string };
    readonly client: { readonly clientId: string };
    readonly provider: Provider;
    readonly params: { readonly scope: string };
  };
}
