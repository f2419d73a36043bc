import { AgentError } from "../../src/errors/agent-error.ts";
import type { Transport, TransportRequest, TransportResponse } from "../../src/ports/transport.ts";
import { shownUrl } from "../../src/util/shown-url.ts";
import { type Address, parseAddress } from "./address.ts";
import { basicCredentials } from "./basic-credentials.ts";
import { type Connection, type ConnectOptions, close, connect, trying } from "./connect.ts";
import { RequestTimeout } from "./request-timeout.ts";
import { bodyOf, type Framing, framingOf } from "./response-body.ts";
import { readHead } from "./response-head.ts";

const MAX_REDIRECTS = 10;
const REDIRECTS = new Set([301, 302, 303, 307, 308]);
/** Headers that a redirect must not carry to another origin. */
const CREDENTIALS = new Set(["authorization", "cookie", "proxy-authorization"]);
const UNSENDABLE = /[^\t\u0020-\u007e\u0080-\u00ff]/;
/** For requests with a time limit: their answers are small. */
const SMALL_BUFFER_BYTES = 16 * 1024;

/**
 * HTTP/1.1 with one connection for each request, like the reference client. A response with any status counts as
 * success. Each connection uses one buffer of memory, whatever the length of the body.
 *
 * @see docs/adr/0009-an-http-client-of-our-own.md
 */
export function createHttpTransport(options: ConnectOptions): Transport {
  // A time limit for the whole request is shorter than any useful idle time, and saves a timer for each read.
  const { idleMs: _, ...unhurried } = options;
  const limited = { ...unhurried, bufferBytes: SMALL_BUFFER_BYTES };
  let last: { readonly text: string; readonly address: Address } | undefined;

  const addressOf = (text: string): Address => {
    if (last?.text !== text) last = { text, address: parseAddress(text) };
    return last.address;
  };

  async function sendOnce(to: Address, request: TransportRequest, signal: AbortSignal): Promise<TransportResponse> {
    const { limitMs: ms } = request;
    const { startTimer } = options;
    const reason = () => new AgentError("SERVER_TIMEOUT", { url: shownUrl(to.url), seconds: (ms ?? 0) / 1000 });
    try {
      const head = headersFor(to, request);
      const timeout = new RequestTimeout(signal, ms === undefined ? undefined : { ms, startTimer, reason });
      const connection = await connect(to, ms === undefined ? options : limited, timeout);
      return await ask(connection, to, request, head, signal);
    } catch (error) {
      throw named(error, to.url, signal);
    }
  }

  return {
    async send(request, signal) {
      signal.throwIfAborted();
      let to = addressOf(request.url);
      let now = request;
      let response = await sendOnce(to, now, signal);
      for (let redirects = 0; request.followRedirects === true && isRedirect(response); redirects++) {
        await response.body[Symbol.asyncIterator]().return?.();
        const { url } = to;
        if (redirects === MAX_REDIRECTS) throw new AgentError("TRANSPORT_ADDRESS", { url: shownUrl(url), redirects });
        signal.throwIfAborted();
        to = redirected(url, response.headers["location"] ?? "");
        now = { ...now, headers: keptHeaders(now.headers, url, to.url) };
        response = await sendOnce(to, now, signal);
      }
      return response;
    },
    close: async () => undefined,
  };
}

const isRedirect = ({ status, headers }: TransportResponse): boolean =>
  REDIRECTS.has(status) && headers["location"] !== undefined;

async function ask(
  connection: Connection,
  to: Address,
  request: TransportRequest,
  head: string,
  signal: AbortSignal,
): Promise<TransportResponse> {
  try {
    write(connection, to, request, head);
    const { status, headers } = await readHead(connection.incoming);
    const framing = framingOf({ status, headers });
    if (framing.kind !== "none") return { status, headers, body: guarded(connection, framing, to.url, signal) };
    close(connection);
    return { status, headers, body: NOTHING };
  } catch (error) {
    close(connection);
    throw error;
  }
}

function headersFor({ authority, url }: Address, { method, headers = {}, body }: TransportRequest): string {
  let lines = `Host: ${authority}\r\nConnection: close\r\n`;
  if (body !== undefined || method !== "GET") lines += `Content-Length: ${Buffer.byteLength(body ?? "")}\r\n`;
  const names = Object.keys(headers).map((name) => name.toLowerCase());
  // Credentials in the address become a header, as in every other client.
  const basic = names.includes("authorization") ? undefined : basicCredentials(url);
  if (basic !== undefined) lines += `Authorization: ${basic}\r\n`;
  for (const [name, value] of Object.entries(headers)) {
    if (UNSENDABLE.test(name + value)) throw new Error(`header ${JSON.stringify(name)} cannot be sent`);
    lines += `${name}: ${value}\r\n`;
  }
  return lines;
}

function write({ socket, proxy }: Connection, to: Address, { method, body }: TransportRequest, headers: string): void {
  const authorization = proxy && basicCredentials(proxy);
  const credentials = authorization === undefined ? "" : `Proxy-Authorization: ${authorization}\r\n`;
  const target = proxy === undefined ? to.target : to.url.origin + to.target;
  const head = `${method} ${target} HTTP/1.1\r\n${headers}${credentials}\r\n`;
  // One write costs less than two: each write costs a poll as much as reading a file. Only a pure Latin-1 body can
  // share it.
  if (typeof body === "string" && Buffer.byteLength(body) === body.length) socket.write(head + body, "latin1");
  else {
    socket.write(head, "latin1");
    if (body !== undefined) socket.write(body);
  }
}

const NO_CHUNK: AsyncIterator<Uint8Array> = {
  next: async () => ({ done: true, value: undefined }),
  return: async () => ({ done: true, value: undefined }),
};
const NOTHING: AsyncIterable<Uint8Array> = { [Symbol.asyncIterator]: () => NO_CHUNK };

/**
 * The response body, with failures that name the address. Leaving the body, even before its first chunk, closes the
 * connection.
 */
function guarded(connection: Connection, framing: Framing, url: URL, signal: AbortSignal): AsyncIterable<Uint8Array> {
  const chunks = bodyOf(connection.incoming, framing)[Symbol.asyncIterator]();
  const iterator: AsyncIterator<Uint8Array> = {
    async next() {
      try {
        const result = await trying(connection, () => chunks.next());
        if (result.done === true) close(connection);
        return result;
      } catch (error) {
        throw named(error, url, signal);
      }
    },
    async return() {
      close(connection);
      return { done: true, value: undefined };
    },
  };
  return { [Symbol.asyncIterator]: () => iterator };
}

function redirected(from: URL, location: string): Address {
  // Node delivers header lines as Latin-1, but servers send UTF-8. Text that is not valid UTF-8 stays Latin-1.
  const to = parseAddress(utf8In(location), from);
  if (from.protocol === "https:" && !to.isTls) {
    throw new AgentError("TRANSPORT_ADDRESS", { url: shownUrl(from), refused: shownUrl(to.url) });
  }
  return to;
}

function utf8In(text: string): string {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(Buffer.from(text, "latin1"));
  } catch {
    // ignored: the text is Latin-1.
    return text;
  }
}

const keptHeaders = (headers: TransportRequest["headers"] = {}, from: URL, to: URL): Record<string, string> =>
  Object.fromEntries(
    Object.entries(headers).filter(([name]) => to.origin === from.origin || !CREDENTIALS.has(name.toLowerCase())),
  );

/** @returns the error that the sender of the request receives */
function named(cause: unknown, url: URL, signal: AbortSignal): unknown {
  if (signal.aborted) return signal.reason;
  return cause instanceof AgentError ? cause : new AgentError("TRANSPORT_FAILED", { url: shownUrl(url) }, cause);
}
