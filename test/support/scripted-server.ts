import { createServer as createHttpServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { createServer as createHttpsServer, type ServerOptions } from "node:https";
import type { AddressInfo, Socket } from "node:net";
import { callOf, type DeviceApiCall } from "../../qemu/server/device-api-calls.ts";

/** One request, as it arrived. */
export interface Recorded {
  readonly method: string;
  /** Path with the query. */
  readonly path: string;
  readonly headers: IncomingMessage["headers"];
  readonly body: Buffer;
}

/** The facts that an answer can use. */
export interface Exchange extends Recorded {
  readonly response: ServerResponse;
  readonly socket: Socket;
}

/** Answers one request, or breaks the connection. @see answers.ts, faults.ts */
export type Responder = (exchange: Exchange) => void | Promise<void>;

/** A call of the device API, or the path of a file that devices download. */
export type Route = DeviceApiCall | `/${string}`;

/**
 * A server on the loopback that gives the answers of the test's script, and records the requests. A route without
 * answers gets 404.
 */
export class ScriptedServer {
  readonly requests: Recorded[] = [];
  readonly #server: Server;
  readonly #scheme: "http" | "https";
  readonly #scripts = new Map<Route, Responder[]>();
  readonly #sockets = new Set<Socket>();
  #port = 0;
  #connections = 0;

  /** @param tls key and certificate of an https server */
  static async start(tls?: ServerOptions): Promise<ScriptedServer> {
    const server = new ScriptedServer(tls);
    await server.up();
    return server;
  }

  private constructor(tls?: ServerOptions) {
    const listener = (request: IncomingMessage, response: ServerResponse): void => void this.#handle(request, response);
    this.#server = tls === undefined ? createHttpServer(listener) : createHttpsServer(tls, listener);
    this.#scheme = tls === undefined ? "http" : "https";
    this.#server.on("connection", (socket: Socket) => {
      this.#connections++;
      this.#sockets.add(socket);
      socket.on("error", () => undefined);
      socket.once("close", () => this.#sockets.delete(socket));
    });
    // In many scripts, a client gives up or distrusts the certificate.
    this.#server.on("clientError", (_error, socket) => socket.destroy());
  }

  get url(): string {
    return `${this.#scheme}://127.0.0.1:${this.#port}`;
  }

  /** Number of connections so far. */
  get connections(): number {
    return this.#connections;
  }

  /** Answers the next requests of `route` in this order. The last answer repeats. */
  answer(route: Route, ...answers: readonly Responder[]): this {
    this.#scripts.set(route, [...answers]);
    return this;
  }

  /** The requests of one route. */
  of(route: Route): readonly Recorded[] {
    return this.requests.filter((request) => routeOf(request) === route);
  }

  /** Waits until a route has had that many requests. */
  async asked(route: Route, times = 1): Promise<void> {
    while (this.of(route).length < times) await new Promise((resolve) => setTimeout(resolve, 5));
  }

  /** Short names of all requests in order: `auth`, `status downloading`, `/release.mender`. */
  get conversation(): readonly string[] {
    return this.requests.map((request) => {
      const route = routeOf(request);
      if (route === "status") return `status ${JSON.parse(request.body.toString()).status}`;
      return route ?? request.path;
    });
  }

  /** Refuses connections from now on, and resets the existing ones. */
  async down(): Promise<void> {
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()));
    for (const socket of this.#sockets) socket.destroy();
    await closed;
  }

  /** Listens, at the same address as before. */
  async up(): Promise<void> {
    await new Promise<void>((resolve) => this.#server.listen(this.#port, "127.0.0.1", resolve));
    this.#port = (this.#server.address() as AddressInfo).port;
  }

  async close(): Promise<void> {
    if (this.#server.listening) await this.down();
  }

  async #handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const chunks: Buffer[] = [];
    try {
      for await (const chunk of request) chunks.push(chunk);
    } catch {
      // ignored: a device that disconnects in the middle of its request gets no response.
      return;
    }
    const recorded = {
      method: request.method ?? "",
      path: request.url ?? "",
      headers: request.headers,
      body: Buffer.concat(chunks),
    };
    this.requests.push(recorded);
    const script = this.#scripts.get(routeOf(recorded) ?? "/");
    const answer = (script?.length ?? 0) > 1 ? script?.shift() : script?.[0];
    if (answer === undefined) response.writeHead(404, JSON_TYPE).end('{"error":"not found","request_id":"test"}');
    else await answer({ ...recorded, response, socket: request.socket });
  }
}

const JSON_TYPE = { "content-type": "application/json" };

function routeOf({ method, path }: Recorded): Route | undefined {
  if (!path.includes("/api/devices/")) return path.replace(/\?.*/, "") as Route;
  return callOf(method, path);
}
