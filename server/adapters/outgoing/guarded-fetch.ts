import { type IncomingMessage, request as requestPlain } from "node:http";
import { request as requestTls } from "node:https";
import type { GuardedAgents } from "./guarded-agents.ts";

interface FetchOptions {
  readonly method: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: unknown;
  readonly signal?: AbortSignal | undefined;
}

/** A failure that is not an answer. The message tells people of the tenant why. */
export class OutgoingError extends Error {
  override readonly name = "OutgoingError";
}

const ANSWER_MAX = 1024 * 1024;
/** Statuses that have no body, which a `Response` therefore refuses. */
const EMPTY: ReadonlySet<number> = new Set([204, 205, 304]);

/**
 * Why a URL must not be used for secrets and tokens: it is not guarded, or somebody on the way could read them. A provider
 * on this machine may do without TLS.
 */
export function secretRefusal(agents: GuardedAgents, text: string): string | undefined {
  const refusal = agents.refusal(text);
  if (refusal !== undefined) return refusal;
  const { protocol, hostname } = new URL(text);
  const isOwn = hostname === "localhost" || hostname === "[::1]" || /^127(?:\.\d+){3}$/.test(hostname);
  return protocol === "https:" || isOwn ? undefined : "expected https://";
}

/**
 * A `fetch` that calls no private address, follows no redirect and reads no endless answer.
 *
 * @throws {OutgoingError} if there is no answer, and for one with a status from 500 on
 */
export async function guardedFetch(agents: GuardedAgents, text: string, options: FetchOptions): Promise<Response> {
  const { method, headers, body, signal } = options;
  const refusal = secretRefusal(agents, text);
  if (refusal !== undefined) throw new OutgoingError(refusal);
  const url = new URL(text);
  const isTls = url.protocol === "https:";
  const content = body === undefined || body === null ? undefined : String(body);
  const answer = await new Promise<IncomingMessage>((resolve, reject) => {
    const call = isTls ? requestTls : requestPlain;
    const request = call(url, {
      ...{ method, headers, agent: isTls ? agents.tls : agents.plain },
      ...(signal !== undefined && { signal }),
    });
    request.once("error", reject);
    request.once("response", resolve);
    request.end(content);
  }).catch((error: unknown) => {
    throw new OutgoingError(agents.reasonOf(error, signal?.aborted === true), { cause: error });
  });
  const read = await readWhole(answer).catch((error: unknown) => {
    if (error instanceof OutgoingError) throw error;
    throw new OutgoingError(agents.reasonOf(error, signal?.aborted === true), { cause: error });
  });
  const { statusCode: status = 0 } = answer;
  if (status >= 500 || status < 200) throw new OutgoingError(`status ${status}`);
  const shown = Object.entries(answer.headers).flatMap(([name, value]) =>
    value === undefined ? [] : [[name, [value].flat().join(", ")] as [string, string]],
  );
  return new Response(EMPTY.has(status) ? null : new Uint8Array(read), { status, headers: shown });
}

async function readWhole(answer: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of answer as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    // Leaving the loop ends the connection.
    if (bytes > ANSWER_MAX) throw new OutgoingError("the answer is too long");
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}
