import * as openid from "openid-client";
import { RecentlyUsed } from "../../domain/recently-used.ts";
import type { Claims } from "../../domain/sign-in/admit.ts";
import { ServerError } from "../../errors/server-error.ts";
import type { GuardedAgents } from "../outgoing/guarded-agents.ts";
import { guardedFetch, OutgoingError, secretRefusal } from "../outgoing/guarded-fetch.ts";

/** What the server must know of a provider to speak with it. */
export interface Provider {
  readonly issuer: string;
  readonly client_id: string;
  readonly client_secret: string | null;
  readonly rules: { readonly scopes: readonly string[]; readonly groupsClaim: string };
}

/** What a sign-in is recognised by when the person comes back. */
export interface Expected {
  readonly state: string;
  readonly nonce: string;
  /** Of the PKCE challenge. */
  readonly verifier: string;
  readonly redirectUri: string;
}

/** Signs people in by OpenID Connect: authorization codes with PKCE, state and nonce. */
export interface OpenId {
  /** Why an issuer cannot be used, as far as one sees without calling it. */
  refusal(issuer: string): string | undefined;
  newExpected(redirectUri: string): Expected;
  /** Where the person signs in. @throws {ServerError} PROVIDER_AWAY, PROVIDER_INVALID */
  begin(provider: Provider, expected: Expected): Promise<string>;
  /**
   * What the provider says of the person who came back with this query. The ID token is theirs: its signature, issuer,
   * audience, times and nonce were checked.
   *
   * @throws {ServerError} PROVIDER_AWAY, PROVIDER_INVALID, PROVIDER_REFUSED, SIGN_IN_INVALID
   */
  finish(provider: Provider, expected: Expected, query: string): Promise<{ readonly issuer: string } & FinishedClaims>;
}

interface FinishedClaims {
  readonly claims: Claims;
}

const TIMEOUT_MS = 10_000;
/** How much the clock of a provider may differ. */
const SKEW_S = 60;
/** How long what a provider says of itself is believed. Its keys are read anew at each sign-in. */
const METADATA_MS = 5 * 60_000;
/** A provider that is away is not asked again at once. */
const AWAY_MS = 3_000;
const PROVIDERS_MAX = 400;

interface Known {
  readonly until: number;
  readonly metadata: Promise<openid.ServerMetadata>;
}

export function createOpenId(agents: GuardedAgents, now: () => number = () => performance.now()): OpenId {
  const known = new RecentlyUsed<string, Known>(PROVIDERS_MAX);

  const fetch: openid.CustomFetch = (url, { method, headers, body }) =>
    guardedFetch(agents, url, { method, headers, body, signal: AbortSignal.timeout(TIMEOUT_MS) });

  function refusal(issuer: string): string | undefined {
    const refused = secretRefusal(agents, issuer);
    if (refused !== undefined) return refused;
    const { search, hash, pathname } = new URL(issuer);
    if (search !== "" || hash !== "" || pathname.includes("/.well-known/"))
      return "expected the issuer, without a query and without /.well-known/openid-configuration";
    return undefined;
  }

  async function discover({ issuer, client_id: client }: Provider): Promise<openid.ServerMetadata> {
    const refused = refusal(issuer);
    if (refused !== undefined) throw new OutgoingError(refused);
    const found = await openid.discovery(new URL(issuer), client, undefined, undefined, {
      ...{ [openid.customFetch]: fetch, timeout: TIMEOUT_MS / 1000 },
      // Whether a URL may be called without TLS is decided where it is called.
      execute: [openid.allowInsecureRequests],
    });
    const { issuer: said, authorization_endpoint: endpoint = "" } = found.serverMetadata();
    // The library forgives some providers that call themselves otherwise.
    if (new URL(said).href !== new URL(issuer).href) throw new Error("the provider has another issuer");
    if (secretRefusal(agents, endpoint) !== undefined) throw new Error("the authorization endpoint is not usable");
    return found.serverMetadata();
  }

  function metadataOf(provider: Provider): Promise<openid.ServerMetadata> {
    const { issuer } = provider;
    const present = known.get(issuer);
    if (present !== undefined && present.until > now()) return present.metadata;
    const metadata = discover(provider);
    known.set(issuer, { metadata, until: now() + METADATA_MS });
    metadata.catch(() => known.set(issuer, { metadata, until: now() + AWAY_MS })); // ignored: each caller gets the failure.
    return metadata;
  }

  async function configurationOf(provider: Provider): Promise<openid.Configuration> {
    // A copy: the library keeps the keys of a provider with this object, and they may have changed.
    const metadata = structuredClone(await metadataOf(provider));
    const { client_id: id, client_secret: secret } = provider;
    const methods = metadata.token_endpoint_auth_methods_supported;
    const proof =
      secret === null
        ? openid.None()
        : methods === undefined || methods.includes("client_secret_basic")
          ? openid.ClientSecretBasic(secret)
          : openid.ClientSecretPost(secret);
    const configuration = new openid.Configuration(metadata, id, { [openid.clockTolerance]: SKEW_S }, proof);
    configuration[openid.customFetch] = fetch;
    openid.allowInsecureRequests(configuration);
    // Also the signature of an ID token that came straight from the provider.
    openid.enableNonRepudiationChecks(configuration);
    return configuration;
  }

  return {
    refusal,
    newExpected: (redirectUri) => ({
      ...{ state: openid.randomState(), nonce: openid.randomNonce(), redirectUri },
      verifier: openid.randomPKCECodeVerifier(),
    }),
    begin: (provider, { state, nonce, verifier, redirectUri }) =>
      named(provider, async () => {
        const configuration = await configurationOf(provider);
        const challenge = await openid.calculatePKCECodeChallenge(verifier);
        const scope = [...new Set(["openid", ...provider.rules.scopes])].join(" ");
        return openid.buildAuthorizationUrl(configuration, {
          ...{ scope, state, nonce, redirect_uri: redirectUri },
          ...{ code_challenge: challenge, code_challenge_method: "S256" },
        }).href;
      }),
    finish: (provider, { state, nonce, verifier, redirectUri }, query) =>
      named(provider, async () => {
        const configuration = await configurationOf(provider);
        const answer = await openid.authorizationCodeGrant(configuration, new URL(`${redirectUri}?${query}`), {
          ...{ expectedState: state, expectedNonce: nonce, pkceCodeVerifier: verifier, idTokenExpected: true },
        });
        const token: Claims = answer.claims() ?? {};
        const { issuer } = configuration.serverMetadata();
        if (hasAll(token, provider) || configuration.serverMetadata().userinfo_endpoint === undefined)
          return { issuer, claims: token };
        // Many providers keep the ID token short.
        const more = await openid.fetchUserInfo(configuration, answer.access_token, String(token["sub"]));
        return { issuer, claims: { ...more, ...token } };
      }),
  };
}

const hasAll = (token: Claims, { rules }: Provider): boolean =>
  token["email"] !== undefined && token[rules.groupsClaim] !== undefined;

/** Gives a failure its name. */
async function named<T>({ issuer }: Provider, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (cause) {
    const outgoing = causesOf(cause).find((one) => one instanceof OutgoingError);
    if (outgoing !== undefined) throw new ServerError("PROVIDER_AWAY", { issuer, reason: outgoing.message }, { cause });
    const { code, error } = detailsOf(cause);
    if (cause instanceof openid.AuthorizationResponseError)
      throw new ServerError("PROVIDER_REFUSED", { issuer, reason: error }, { cause });
    // The code was used before, or it has expired.
    if (error === "invalid_grant") throw new ServerError("SIGN_IN_INVALID", { reason: error }, { cause });
    if (code === "OAUTH_TIMEOUT")
      throw new ServerError("PROVIDER_AWAY", { issuer, reason: "no answer in time" }, { cause });
    const reason = error === "" ? causesOf(cause).at(-1)?.message : error;
    throw new ServerError("PROVIDER_INVALID", { issuer, reason: reason ?? "not valid" }, { cause });
  }
}

function causesOf(error: unknown): readonly Error[] {
  const causes: Error[] = [];
  for (let one = error; one instanceof Error && causes.length < 10; one = one.cause) causes.push(one);
  return causes;
}

/** What the library says of a failure in codes. The words of a provider are not passed on. */
function detailsOf(error: unknown): { readonly code: string; readonly error: string } {
  const of = (name: string): string => {
    const value = typeof error === "object" && error !== null ? Reflect.get(error, name) : undefined;
    return typeof value === "string" && /^[\w.-]{1,80}$/.test(value) ? value : "";
  };
  return { code: of("code"), error: of("error") };
}
