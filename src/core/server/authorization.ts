import { createPublicKey, type KeyObject } from "node:crypto";
import { AgentError, describeError } from "../../errors/agent-error.ts";
import type { Logger } from "../../util/logger.ts";
import { AUTHORIZATION_FAILURES, type AuthorizationFailure } from "./authorization-failure.ts";
import { signWith } from "./device-key.ts";
import {
  askedPauseMs,
  type ServerAnswer,
  type ServerConnection,
  type ServerRequest,
  sendToServer,
  unexpected,
} from "./exchange.ts";

export interface Credentials {
  /** The device's identity, as compact JSON with sorted keys. */
  identity(signal: AbortSignal): Promise<string>;
  key(): Promise<KeyObject>;
  readonly tenantToken?: string | undefined;
}

export interface Granted {
  readonly server: string;
  readonly token: string;
}

const PATH = "/api/devices/v1/authentication/auth_requests";

/** Builds the request; its signature covers the exact bytes of the body. */
export function authRequest(identity: string, key: KeyObject, tenantToken: string | undefined): ServerRequest {
  const pubkey = createPublicKey(key).export({ type: "spki", format: "pem" }).toString();
  const body = Buffer.from(
    JSON.stringify({
      id_data: identity,
      pubkey,
      ...(tenantToken !== undefined && tenantToken !== "" && { tenant_token: tenantToken }),
    }),
  );
  return { method: "POST", path: PATH, body, headers: { "x-men-signature": signWith(key, body) } };
}

/**
 * Asks the servers in their order and chooses the first that accepts the device.
 *
 * @throws {AgentError} one of `AuthorizationFailure`, with a server's reason; IDENTITY_FAILED, DEVICE_KEY
 */
export async function authorize(
  parts: ServerConnection & { readonly log: Logger },
  servers: readonly string[],
  credentials: Credentials,
  signal: AbortSignal,
): Promise<Granted> {
  const request = authRequest(await credentials.identity(signal), await credentials.key(), credentials.tenantToken);
  const failures: Failure[] = [];
  for (const server of servers) {
    const found = await ask(parts, server, request, signal);
    if (typeof found === "string") return { server, token: found };
    parts.log("warning", `${server} ${SAID[found.code]}: ${describeError(found.reason)}`);
    failures.push(found);
  }
  throw failureOf(failures);
}

interface Failure {
  readonly code: AuthorizationFailure;
  readonly reason: AgentError;
}

const SAID: Readonly<Record<AuthorizationFailure, string>> = {
  NOT_AUTHORIZED: "does not accept this device",
  AUTHORIZATION_FAILED: "does not say whether it accepts this device",
  SERVER_UNREACHABLE: "cannot be reached",
};

function failureOf(failures: readonly Failure[]): AgentError {
  for (const wanted of AUTHORIZATION_FAILURES) {
    const found = failures.findLast(({ code }) => code === wanted);
    if (found === undefined) continue;
    const pauseMs = failures.map(({ reason }) => askedPauseMs(reason)).findLast((each) => each !== undefined);
    return new AgentError(wanted, pauseMs === undefined ? {} : { retryAfterMs: pauseMs }, found.reason);
  }
  return new AgentError("SERVER_NOT_CONFIGURED");
}

/** The token, or the reason why there is none. */
async function ask(
  parts: ServerConnection,
  server: string,
  request: ServerRequest,
  signal: AbortSignal,
): Promise<string | Failure> {
  let answer: ServerAnswer;
  try {
    answer = await sendToServer(parts, server, request, signal);
  } catch (error) {
    if (signal.aborted || !(error instanceof AgentError)) throw error;
    return { code: "SERVER_UNREACHABLE", reason: error };
  }
  const token = answer.text.trim();
  if (answer.status !== 200) {
    const isRefused = answer.status === 401 || answer.status === 403;
    const reason = unexpected(answer, "POST auth_requests");
    return { code: isRefused ? "NOT_AUTHORIZED" : "AUTHORIZATION_FAILED", reason };
  }
  // A token with other characters is not valid in a header line.
  if (/^[\x21-\x7e]+$/.test(token)) return token;
  return { code: "AUTHORIZATION_FAILED", reason: new AgentError("SERVER_ANSWER", { server, reason: "no token" }) };
}
