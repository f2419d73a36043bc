import { AgentError } from "../../errors/agent-error.ts";
import type { Clock } from "../../ports/clock.ts";
import type { Transport } from "../../ports/transport.ts";
import { textOf } from "../../util/body-text.ts";
import { isJsonObject } from "../../util/json-object.ts";
import { retryAfterMs } from "./retry-after.ts";

/** One request of the device API. */
export interface ServerRequest {
  readonly method: "GET" | "POST" | "PUT" | "PATCH";
  /** Relative to the server's URL, including the query. */
  readonly path: string;
  /** JSON text. */
  readonly body?: string | Uint8Array;
  readonly headers?: Readonly<Record<string, string>>;
}

export interface ServerAnswer {
  readonly status: number;
  readonly text: string;
  /** The delay from `Retry-After`. */
  readonly retryAfterMs?: number;
}

export interface ServerConnection {
  readonly transport: Transport;
  readonly clock: Clock;
  /** Version of this program, for `User-Agent`. */
  readonly version: string;
}

const TIMEOUT_MS = 60_000;
const MAX_ANSWER_BYTES = 1024 * 1024;

/**
 * Sends one request to one server. Returns the response whatever its status.
 *
 * @throws {AgentError} TRANSPORT_FAILED, SERVER_TIMEOUT
 */
export async function sendToServer(
  { transport, clock, version }: ServerConnection,
  server: string,
  { method, path, body, headers }: ServerRequest,
  signal: AbortSignal,
): Promise<ServerAnswer> {
  const request = {
    method,
    url: server + path,
    headers: {
      accept: "application/json",
      "user-agent": `Switchback/${version}`,
      ...(body !== undefined && { "content-type": "application/json" }),
      ...headers,
    },
    ...(body !== undefined && { body }),
    limitMs: TIMEOUT_MS,
  };
  const response = await transport.send(request, signal);
  const text = await textOf(response.body, MAX_ANSWER_BYTES);
  const pause = retryAfterMs(response.headers, clock.nowMs());
  return { status: response.status, text, ...(pause !== undefined && { retryAfterMs: pause }) };
}

/** Refuses every status except `expected`. @throws {AgentError} SERVER_STATUS, with the server's reason */
export function expectStatus(answer: ServerAnswer, expected: number, { method, path }: ServerRequest): void {
  if (answer.status !== expected) throw unexpected(answer, `${method} ${path.replace(/\?.*/, "")}`);
}

const LONGEST_REASON = 200;

export function unexpected(answer: ServerAnswer, request: string): AgentError {
  return new AgentError("SERVER_STATUS", {
    request,
    status: answer.status,
    ...reasonIn(answer.text),
    ...(answer.retryAfterMs !== undefined && { retryAfterMs: answer.retryAfterMs }),
  });
}

/** The member `error` of an error body, if present. */
function reasonIn(text: string): { reason?: string } {
  try {
    const body: unknown = JSON.parse(text);
    const reason = isJsonObject(body) ? body["error"] : undefined;
    return typeof reason === "string" ? { reason: reason.slice(0, LONGEST_REASON) } : {};
  } catch {
    // ignored: the status suffices; proxies reply with HTML pages.
    return {};
  }
}

/** The pause that the failing server asked for. */
export function askedPauseMs(error: unknown): number | undefined {
  const pauseMs = error instanceof AgentError ? error.detail["retryAfterMs"] : undefined;
  return typeof pauseMs === "number" ? pauseMs : undefined;
}
