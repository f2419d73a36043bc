import { readFileSync } from "node:fs";
import type { IncomingMessage } from "node:http";
import { request as requestPlain } from "node:http";
import { request as requestTls } from "node:https";
import type { Readable } from "node:stream";
import { AgentError } from "../../src/errors/agent-error.ts";
import { isJsonObject } from "../../src/util/json-object.ts";

export interface ConnectionOptions {
  /** `https://server:8443`. A path before `/api` is kept. */
  readonly server: string;
  readonly token: string | undefined;
  /** File with the certificate authority of the server, in PEM. */
  readonly ca: string | undefined;
  readonly skipVerify: boolean;
}

export interface Call {
  readonly query?: Readonly<Record<string, string | readonly string[] | undefined>>;
  /** Sent as JSON. */
  readonly body?: unknown;
  /** Sent as it is, with its type and, if it is known, its length. */
  readonly upload?: { readonly stream: Readable; readonly type: string; readonly bytes?: number };
  readonly headers?: Readonly<Record<string, string>>;
  readonly signal?: AbortSignal;
}

export interface Answer {
  readonly status: number;
  header(name: string): string | undefined;
  text(): Promise<string>;
  json(): Promise<unknown>;
  readonly stream: Readable;
}

/** Speaks the management API of a server. */
export interface Connection {
  readonly server: string;
  /**
   * Sends one request. `path` begins with `/api`, or is a whole URL, which then gets no token.
   *
   * @throws {AgentError} FLEET_UNREACHABLE, FLEET_NOT_LOGGED_IN, FLEET_REFUSED
   */
  call(method: string, path: string, call?: Call): Promise<Answer>;
}

export function createConnection({ server, token, ca, skipVerify }: ConnectionOptions): Connection {
  const base = server.replace(/\/+$/, "");
  const authority = ca === undefined ? undefined : readAuthority(ca);
  return {
    server: base,
    async call(method, path, { query = {}, body, upload, headers = {}, signal } = {}) {
      const isOurs = path.startsWith("/");
      const url = new URL(isOurs ? base + path : path);
      for (const [name, value] of Object.entries(query))
        for (const one of typeof value === "string" ? [value] : (value ?? [])) url.searchParams.append(name, one);
      const json = body === undefined ? undefined : JSON.stringify(body);
      const start = url.protocol === "https:" ? requestTls : requestPlain;
      const answer = await new Promise<IncomingMessage>((resolve, reject) => {
        const request = start(url, {
          method,
          headers: {
            accept: "application/json",
            ...(isOurs && token !== undefined && { authorization: `Bearer ${token}` }),
            ...(json !== undefined && {
              "content-type": "application/json",
              "content-length": Buffer.byteLength(json),
            }),
            ...(upload !== undefined && { "content-type": upload.type }),
            ...(upload?.bytes !== undefined && { "content-length": upload.bytes }),
            ...headers,
          },
          ...(authority !== undefined && { ca: authority }),
          rejectUnauthorized: !skipVerify,
          ...(signal !== undefined && { signal }),
        });
        request.once("response", resolve);
        request.once("error", (cause) => reject(signal?.aborted === true ? signal.reason : unreachable(base, cause)));
        if (upload === undefined) request.end(json);
        else {
          upload.stream.once("error", (cause) => request.destroy(cause));
          upload.stream.pipe(request);
        }
      });
      const status = answer.statusCode ?? 0;
      if (status >= 400) throw await refusal(method, url.pathname, status, answer);
      // An answer that nobody reads keeps its connection busy, and the program from ending, until the server closes it.
      // Files are the exception: whoever asks for one reads it, and it may be larger than the memory.
      if (isFile(answer)) return answerOf(status, answer);
      return answerOf(status, answer, await textOf(answer));
    },
  };
}

function readAuthority(path: string): Buffer {
  try {
    return readFileSync(path);
  } catch (cause) {
    throw new AgentError("OPTION_INVALID", { option: "--ca", value: path }, cause);
  }
}

const unreachable = (server: string, cause: unknown): AgentError =>
  new AgentError("FLEET_UNREACHABLE", { server }, cause);

function isFile({ statusCode, headers }: IncomingMessage): boolean {
  const isEmpty = statusCode === 204 || headers["content-length"] === "0";
  return !isEmpty && !/^(?:application\/json|text\/plain)\b/.test(headers["content-type"] ?? "");
}

async function textOf(message: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of message) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString("utf8");
}

function answerOf(status: number, message: IncomingMessage, read?: string): Answer {
  const text = async (): Promise<string> => read ?? textOf(message);
  return {
    status,
    header: (name) => {
      const value = message.headers[name];
      return typeof value === "string" ? value : value?.join(", ");
    },
    text,
    json: async () => JSON.parse(await text()) as unknown,
    stream: message,
  };
}

async function refusal(method: string, path: string, status: number, message: IncomingMessage): Promise<AgentError> {
  const text = await textOf(message);
  if (status === 401) return new AgentError("FLEET_NOT_LOGGED_IN", { status, ...said(text) });
  return new AgentError("FLEET_REFUSED", { request: `${method} ${path}`, status, ...said(text) });
}

/** What the server said: `error` and `code` of its answer. */
function said(text: string): { readonly reason?: string; readonly code?: string } {
  try {
    const body: unknown = JSON.parse(text);
    if (!isJsonObject(body)) return {};
    const { error, code } = body;
    return { ...(typeof error === "string" && { reason: error }), ...(typeof code === "string" && { code }) };
  } catch {
    // ignored: a proxy answers in HTML, and the status says enough.
    return {};
  }
}
