import { createPublicKey, type KeyObject } from "node:crypto";
import { AgentError, describeError } from "../../errors/agent-error.ts";
import type { Logger } from "../../util/logger.ts";
import { signWith } from "./device-key.ts";
import { type ExchangeParts, exchange, type ServerAnswer, type ServerRequest, unexpected } from "./exchange.ts";

export interface Credentials {
  /** Who the device is, as compact JSON with sorted keys. */
  identity(signal: AbortSignal): Promise<string>;
  key(): Promise<KeyObject>;
  readonly tenantToken?: string | undefined;
}

export interface Granted {
  readonly server: string;
  readonly token: string;
}

const PATH = "/api/devices/v1/authentication/auth_requests";

/** The request, whose signature covers its very bytes. @see spec "device-api", section 1 */
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
 * Asks the servers in their order; the first that accepts the device is the one to talk to.
 *
 * @throws {AgentError} NOT_AUTHORIZED with the last server's reason; IDENTITY_FAILED, DEVICE_KEY
 */
export async function authorize(
  parts: ExchangeParts & { readonly log: Logger },
  servers: readonly string[],
  credentials: Credentials,
  signal: AbortSignal,
): Promise<Granted> {
  const request = authRequest(await credentials.identity(signal), await credentials.key(), credentials.tenantToken);
  let last: AgentError | undefined;
  for (const server of servers) {
    const found = await ask(parts, server, request, signal);
    if (typeof found === "string") return { server, token: found };
    parts.log("warning", `${server} does not accept this device: ${describeError(found)}`);
    last = found;
  }
  if (last === undefined) throw new AgentError("SERVER_NOT_CONFIGURED");
  const retryAfterMs = last.detail["retryAfterMs"];
  throw new AgentError("NOT_AUTHORIZED", retryAfterMs === undefined ? {} : { retryAfterMs }, last);
}

/** The token, or why there is none. */
async function ask(
  parts: ExchangeParts,
  server: string,
  request: ServerRequest,
  signal: AbortSignal,
): Promise<string | AgentError> {
  let answer: ServerAnswer;
  try {
    answer = await exchange(parts, server, request, signal);
  } catch (error) {
    if (signal.aborted || !(error instanceof AgentError)) throw error;
    return error;
  }
  const token = answer.text.trim();
  if (answer.status !== 200) return unexpected(answer, "POST auth_requests");
  // Anything else could not stand in a header line.
  return /^[\x21-\x7e]+$/.test(token) ? token : new AgentError("SERVER_ANSWER", { server, reason: "no token" });
}
