import { connect as connectPlain, type Socket } from "node:net";
import { connect as connectTls } from "node:tls";

export interface WireOptions {
  readonly url: URL;
  /** PEM of the authority that signed the server's certificate. */
  readonly ca?: string | undefined;
  readonly skipVerify?: boolean | undefined;
  /** How many connections stay open at most. Further requests wait. */
  readonly connections: number;
}

export interface WireRequest {
  readonly method: "GET" | "POST" | "PUT";
  /** With query. */
  readonly path: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
  /** Counts the body of the answer instead of keeping it. */
  readonly discard?: boolean;
}

export interface WireAnswer {
  readonly status: number;
  readonly retryAfterS: number | undefined;
  readonly body: string;
  readonly bodyBytes: number;
  /** From the first byte sent to the last byte received. */
  readonly ms: number;
}

/**
 * A lean HTTP/1.1 client for load: thousands of devices share a few connections that stay open. Node's own client costs
 * several times as much as the server that it tests.
 */
export interface Wire {
  /** @throws the system's error if the connection fails or ends within the answer */
  send(request: WireRequest): Promise<WireAnswer>;
  close(): void;
}

interface Waiting {
  readonly request: WireRequest;
  readonly resolve: (answer: WireAnswer) => void;
  readonly reject: (error: Error) => void;
  readonly isRetry: boolean;
}

export function createWire(options: WireOptions): Wire {
  const idle: Connection[] = [];
  const queue: Waiting[] = [];
  const all = new Set<Connection>();
  const pump = (): void => {
    while (queue.length > 0) {
      const free = idle.pop() ?? (all.size < options.connections ? open() : undefined);
      if (free === undefined) return;
      const next = queue.shift();
      if (next !== undefined) free.send(next);
    }
  };
  const open = (): Connection => {
    const connection = new Connection(options, {
      free: () => {
        idle.push(connection);
        pump();
      },
      gone: (unfinished, error, wasUsed) => {
        all.delete(connection);
        const at = idle.indexOf(connection);
        if (at >= 0) idle.splice(at, 1);
        // The server may close a connection that was idle at the moment when a request goes out.
        if (unfinished !== undefined && wasUsed && !unfinished.isRetry) queue.unshift({ ...unfinished, isRetry: true });
        else unfinished?.reject(error);
        pump();
      },
    });
    all.add(connection);
    return connection;
  };
  return {
    send: (request) =>
      new Promise((resolve, reject) => {
        queue.push({ request, resolve, reject, isRetry: false });
        pump();
      }),
    close() {
      for (const connection of all) connection.close();
    },
  };
}

interface Owner {
  free(): void;
  gone(unfinished: Waiting | undefined, error: Error, wasUsed: boolean): void;
}

const HEAD_END = Buffer.from("\r\n\r\n");

/** One connection with one request at a time. */
class Connection {
  readonly #socket: Socket;
  readonly #owner: Owner;
  readonly #host: string;
  #current: Waiting | undefined;
  #startedAt = 0;
  #head: Buffer = Buffer.alloc(0);
  #answer: { readonly status: number; readonly retryAfterS: number | undefined; readonly closes: boolean } | undefined;
  #left: number | "chunked" = 0;
  #body: Buffer[] = [];
  #bodyBytes = 0;
  #isUsed = false;

  constructor({ url, ca, skipVerify }: WireOptions, owner: Owner) {
    this.#owner = owner;
    this.#host = url.host;
    const port = Number(url.port === "" ? (url.protocol === "https:" ? 443 : 80) : url.port);
    const host = url.hostname.replace(/^\[|\]$/g, "");
    this.#socket =
      url.protocol === "https:"
        ? connectTls({
            host,
            port,
            servername: host,
            ...(ca !== undefined && { ca }),
            rejectUnauthorized: skipVerify !== true,
          })
        : connectPlain({ host, port, noDelay: true });
    this.#socket.on("data", (chunk: Buffer) => this.#take(chunk));
    let failure = new Error("the server closed the connection");
    this.#socket.on("error", (error) => {
      failure = error;
    });
    this.#socket.on("close", () => {
      const unfinished = this.#current;
      this.#current = undefined;
      owner.gone(unfinished, failure, this.#isUsed && this.#head.length === 0 && this.#answer === undefined);
    });
  }

  send(waiting: Waiting): void {
    const { method, path, headers = {}, body } = waiting.request;
    this.#current = waiting;
    this.#startedAt = performance.now();
    let text = `${method} ${path} HTTP/1.1\r\nHost: ${this.#host}\r\n`;
    for (const name of Object.keys(headers)) text += `${name}: ${headers[name]}\r\n`;
    if (body !== undefined) text += `Content-Length: ${Buffer.byteLength(body)}\r\n`;
    this.#socket.write(`${text}\r\n${body ?? ""}`);
  }

  close(): void {
    this.#socket.destroy();
  }

  #take(chunk: Buffer): void {
    let rest = chunk;
    if (this.#answer === undefined) {
      this.#head = this.#head.length === 0 ? rest : Buffer.concat([this.#head, rest]);
      const end = this.#head.indexOf(HEAD_END);
      if (end < 0) return;
      rest = this.#head.subarray(end + HEAD_END.length);
      this.#begin(this.#head.toString("latin1", 0, end));
    }
    if (this.#left === "chunked") {
      this.#takeChunked(rest);
      return;
    }
    if (rest.length > 0) this.#keep(rest.subarray(0, this.#left));
    this.#left -= Math.min(rest.length, this.#left);
    if (this.#left === 0) this.#finish();
  }

  #begin(head: string): void {
    const status = Number(head.slice(9, 12));
    const header = (name: string): string | undefined =>
      new RegExp(`\\r\\n${name}:[ \\t]*([^\\r]*)`, "i").exec(head)?.[1];
    const retryAfter = header("retry-after");
    this.#answer = {
      status,
      retryAfterS: retryAfter === undefined ? undefined : Number(retryAfter),
      closes: /close/i.test(header("connection") ?? ""),
    };
    const isEmpty = status === 204 || status === 304;
    this.#left = /chunked/i.test(header("transfer-encoding") ?? "")
      ? "chunked"
      : isEmpty
        ? 0
        : Number(header("content-length") ?? 0);
  }

  /** Answers in chunks are rare and small here, so they are put together before they are taken apart. */
  #takeChunked(rest: Buffer): void {
    if (rest.length > 0) this.#body.push(rest);
    const whole = Buffer.concat(this.#body).toString("latin1");
    if (!/(?:^|\r\n)0\r\n(?:[^\r]+\r\n)*\r\n$/.test(whole)) return;
    let at = 0;
    let text = "";
    for (;;) {
      const lineEnd = whole.indexOf("\r\n", at);
      const size = Number.parseInt(whole.slice(at, lineEnd), 16);
      if (!(size > 0)) break;
      text += whole.slice(lineEnd + 2, lineEnd + 2 + size);
      at = lineEnd + 2 + size + 2;
    }
    this.#body = [Buffer.from(text, "latin1")];
    this.#bodyBytes = text.length;
    this.#finish();
  }

  #keep(bytes: Buffer): void {
    this.#bodyBytes += bytes.length;
    if (this.#current?.request.discard !== true) this.#body.push(bytes);
  }

  #finish(): void {
    const { current, answer } = { current: this.#current, answer: this.#answer };
    const body = this.#body.length === 0 ? "" : Buffer.concat(this.#body).toString("utf8");
    const bodyBytes = this.#bodyBytes;
    this.#current = undefined;
    this.#answer = undefined;
    this.#head = Buffer.alloc(0);
    this.#body = [];
    this.#bodyBytes = 0;
    this.#isUsed = true;
    if (answer === undefined || current === undefined) return;
    const { status, retryAfterS, closes } = answer;
    if (closes) this.#socket.destroy();
    else this.#owner.free();
    current.resolve({ status, retryAfterS, body, bodyBytes, ms: performance.now() - this.#startedAt });
  }
}
