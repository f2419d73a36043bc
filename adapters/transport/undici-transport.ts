import { rootCertificates } from "node:tls";
import type { Dispatcher } from "undici";
import { AgentError } from "../../src/errors/agent-error.ts";
import type { Transport, TransportRequest, TransportResponse } from "../../src/ports/transport.ts";

export interface UndiciTransportOptions {
  /** Time without a byte, in any phase, until a connection counts as dead. */
  readonly idleMs?: number;
  /** PEM text of certificate authorities that are trusted besides the well-known ones. */
  readonly trustedCerts?: string;
  /** Takes any certificate. */
  readonly skipVerify?: boolean;
}

type Send = (url: URL, request: TransportRequest, signal: AbortSignal) => Promise<Dispatcher.ResponseData>;

interface Client {
  readonly send: Send;
  close(): Promise<void>;
}

const MAX_REDIRECTS = 10;
const REDIRECTS = new Set([301, 302, 303, 307, 308]);
/** Not for the eyes of another server than the one that was asked. */
const CREDENTIALS = new Set(["authorization", "cookie", "proxy-authorization"]);

/**
 * HTTP/1.1 over undici, TLS 1.2 and later. Any status is an answer and not a failure.
 *
 * The library is loaded at the first request: commands that need no network do not pay for it.
 */
export function createUndiciTransport(options: UndiciTransportOptions = {}): Transport {
  let client: Promise<Client> | undefined;
  return {
    async send(request, signal) {
      signal.throwIfAborted();
      client ??= loadClient(options);
      const { send } = await client;
      return await follow(send, request, signal);
    },
    async close() {
      await (await client)?.close();
      client = undefined;
    },
  };
}

async function loadClient({
  idleMs = 60_000,
  trustedCerts,
  skipVerify = false,
}: UndiciTransportOptions): Promise<Client> {
  const [{ default: Agent }, { default: request }] = await Promise.all([
    import("undici/lib/dispatcher/agent.js"),
    import("undici/lib/api/api-request.js"),
  ]);
  const agent = new Agent({
    connect: {
      minVersion: "TLSv1.2",
      timeout: idleMs,
      rejectUnauthorized: !skipVerify,
      ...(trustedCerts !== undefined && { ca: [...rootCertificates, trustedCerts] }),
    },
    headersTimeout: idleMs,
    bodyTimeout: idleMs,
  });
  return {
    send: (url, { method, headers = {}, body = null }, signal) =>
      request.call(agent, { origin: url.origin, path: url.pathname + url.search, method, headers, body, signal }),
    // Connections in use are of no use to anybody any more.
    close: () => agent.destroy(),
  };
}

async function follow(send: Send, first: TransportRequest, signal: AbortSignal): Promise<TransportResponse> {
  let request = first;
  for (let redirects = 0; ; redirects++) {
    const url = parseUrl(request.url);
    const response = await failing(url, signal, () => send(url, request, signal));
    const location = response.headers["location"];
    if (request.followRedirects !== true || !REDIRECTS.has(response.statusCode) || typeof location !== "string") {
      return {
        status: response.statusCode,
        headers: flatten(response.headers),
        body: chunksOf(response.body, url, signal),
      };
    }
    await failing(url, signal, () => response.body.dump());
    if (redirects === MAX_REDIRECTS) throw new AgentError("TRANSPORT_FAILED", { url: shown(url), redirects });
    request = redirected(request, url, location);
  }
}

function redirected(request: TransportRequest, from: URL, location: string): TransportRequest {
  const to = parseUrl(location, from);
  if (from.protocol === "https:" && to.protocol === "http:") {
    throw new AgentError("TRANSPORT_FAILED", { url: shown(from), refused: shown(to) });
  }
  const kept = Object.entries(request.headers ?? {}).filter(
    ([name]) => to.origin === from.origin || !CREDENTIALS.has(name.toLowerCase()),
  );
  return { ...request, url: to.href, headers: Object.fromEntries(kept) };
}

async function* chunksOf(body: AsyncIterable<Uint8Array>, url: URL, signal: AbortSignal): AsyncGenerator<Uint8Array> {
  try {
    yield* body;
  } catch (cause) {
    throw failed(url, signal, cause);
  }
}

async function failing<T>(url: URL, signal: AbortSignal, act: () => Promise<T>): Promise<T> {
  try {
    return await act();
  } catch (cause) {
    throw failed(url, signal, cause);
  }
}

function failed(url: URL, signal: AbortSignal, cause: unknown): unknown {
  return signal.aborted ? signal.reason : new AgentError("TRANSPORT_FAILED", { url: shown(url) }, cause);
}

function parseUrl(text: string, base?: URL): URL {
  const url = URL.canParse(text, base?.href) ? new URL(text, base) : undefined;
  if (url?.protocol === "http:" || url?.protocol === "https:") return url;
  throw new AgentError("TRANSPORT_FAILED", { url: text, reason: "not an http(s) address" });
}

/** Query strings of download links hold signatures, and passwords stand before the host: neither is for a log. */
const shown = (url: URL): string => url.origin + url.pathname;

function flatten(headers: Readonly<Record<string, string | string[] | undefined>>): Record<string, string> {
  const flat: Record<string, string> = {};
  for (const [name, value] of Object.entries(headers)) {
    if (value !== undefined) flat[name] = typeof value === "string" ? value : value.join(", ");
  }
  return flat;
}
