import { AgentError } from "../../src/errors/agent-error.ts";
import type { Transport, TransportRequest, TransportResponse } from "../../src/ports/transport.ts";
import { type Connection, type ConnectOptions, closing, connect } from "./connect.ts";
import { proxyAuthorization } from "./proxy.ts";
import { bodyOf, framingOf } from "./response-body.ts";
import { readHead } from "./response-head.ts";
import { shownUrl } from "./shown-url.ts";

const MAX_REDIRECTS = 10;
const REDIRECTS = new Set([301, 302, 303, 307, 308]);
/** Not for the eyes of another server than the one that was asked. */
const CREDENTIALS = new Set(["authorization", "cookie", "proxy-authorization"]);
const UNSENDABLE = /[^\t\u0020-\u007e\u0080-\u00ff]/;

/**
 * HTTP/1.1, a connection for each request, as the reference client does it. Any status is an answer and not a
 * failure. Memory is one buffer for each connection, however long the body.
 *
 * @see docs/adr/0009-an-http-client-of-our-own.md
 */
export function createHttpTransport(options: ConnectOptions): Transport {
  return {
    async send(first, signal) {
      let request = first;
      for (let redirects = 0; ; redirects++) {
        signal.throwIfAborted();
        const url = parseUrl(request.url);
        const response = await naming(url, signal, () => exchange(url, request, options, signal));
        const location = response.headers["location"];
        if (request.followRedirects !== true || !REDIRECTS.has(response.status) || location === undefined) {
          return response;
        }
        await response.body[Symbol.asyncIterator]().return?.();
        if (redirects === MAX_REDIRECTS) throw new AgentError("TRANSPORT_FAILED", { url: shownUrl(url), redirects });
        request = redirected(request, url, location);
      }
    },
    close: async () => undefined,
  };
}

async function exchange(
  url: URL,
  request: TransportRequest,
  options: ConnectOptions,
  signal: AbortSignal,
): Promise<TransportResponse> {
  const head = requestHead(url, request);
  const connection = await connect(url, options, signal);
  const { socket, incoming, proxy } = connection;
  const proxied = proxy && proxyAuthorization(proxy);
  const target = proxy === undefined ? url.pathname + url.search : `${url.origin}${url.pathname}${url.search}`;
  const credentials = proxied === undefined ? "" : `Proxy-Authorization: ${proxied}\r\n`;
  socket.write(`${request.method} ${target} HTTP/1.1\r\n${head}${credentials}\r\n`, "latin1");
  if (request.body !== undefined) socket.write(request.body);
  return await closing(connection, signal, async () => {
    const { status, headers } = await readHead(incoming);
    const framing = framingOf({ status, headers });
    if (framing.kind === "none") socket.destroy();
    return { status, headers, body: guarded(connection, bodyOf(incoming, framing), url, signal) };
  });
}

function requestHead(url: URL, { method, headers = {}, body }: TransportRequest): string {
  const own: [string, string][] = [
    ["Host", url.host],
    ["Connection", "close"],
  ];
  if (body !== undefined || method !== "GET") own.push(["Content-Length", String(body?.length ?? 0)]);
  const all = [...own, ...Object.entries(headers)];
  const bad = all.find(([name, value]) => UNSENDABLE.test(name + value));
  if (bad !== undefined) throw new Error(`header ${JSON.stringify(bad[0])} cannot be sent`);
  return all.map(([name, value]) => `${name}: ${value}\r\n`).join("");
}

/** The body, named in its failures. The connection ends with it, also when it is left before its first chunk. */
function guarded(
  connection: Connection,
  body: AsyncIterable<Uint8Array>,
  url: URL,
  signal: AbortSignal,
): AsyncIterable<Uint8Array> {
  const chunks = body[Symbol.asyncIterator]();
  const iterator: AsyncIterator<Uint8Array> = {
    async next() {
      const result = await naming(url, signal, () => closing(connection, signal, () => chunks.next()));
      if (result.done === true) connection.socket.destroy();
      return result;
    },
    async return() {
      connection.socket.destroy();
      return { done: true, value: undefined };
    },
  };
  return { [Symbol.asyncIterator]: () => iterator };
}

function redirected(request: TransportRequest, from: URL, location: string): TransportRequest {
  const to = parseUrl(location, from);
  if (from.protocol === "https:" && to.protocol === "http:") {
    throw new AgentError("TRANSPORT_FAILED", { url: shownUrl(from), refused: shownUrl(to) });
  }
  const kept = Object.entries(request.headers ?? {}).filter(
    ([name]) => to.origin === from.origin || !CREDENTIALS.has(name.toLowerCase()),
  );
  return { ...request, url: to.href, headers: Object.fromEntries(kept) };
}

async function naming<T>(url: URL, signal: AbortSignal, act: () => Promise<T>): Promise<T> {
  try {
    return await act();
  } catch (cause) {
    if (signal.aborted) throw signal.reason;
    throw cause instanceof AgentError ? cause : new AgentError("TRANSPORT_FAILED", { url: shownUrl(url) }, cause);
  }
}

function parseUrl(text: string, base?: URL): URL {
  const url = URL.canParse(text, base?.href) ? new URL(text, base) : undefined;
  if (url?.protocol === "http:" || url?.protocol === "https:") return url;
  const shown = text.replace(/\?.*/s, "").replace(/\/\/[^/]*@/, "//");
  throw new AgentError("TRANSPORT_FAILED", { url: shown, reason: "not an http(s) address" });
}
