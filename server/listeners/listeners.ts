import { createServer, type Server as HttpServer, type IncomingMessage, type ServerResponse } from "node:http";
import { createServer as createTlsServer, type Server as TlsServer } from "node:https";
import type { Socket } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import type { App } from "../api/app-types.ts";
import type { PollLane } from "../api/device/deployments/poll-lane.ts";
import type { Address } from "../config/config.ts";
import { ServerError } from "../errors/server-error.ts";
import type { Certificate } from "./certificate.ts";

export interface ListenerOptions {
  /** Without it, no listener for devices and people: a worker has none. */
  readonly listen: Address | undefined;
  readonly localListen: Address | undefined;
  /** For what a monitoring system asks, and nothing else. */
  readonly metricsListen?: Address | undefined;
  /** Without it, plain HTTP. */
  readonly certificate: Certificate | undefined;
  /** Without it, the app answers all polls. */
  readonly lane?: PollLane | undefined;
  /** How long a balancer has to notice that this process ends. */
  readonly drainDelayMs?: number;
  /** How long the headers of a request may take, and how often that is looked at. */
  readonly headersTimeout?: number;
  readonly connectionsCheckingInterval?: number;
}

export interface Listeners {
  /** Where they listen, as URLs for this machine. */
  readonly publicUrl: string | undefined;
  readonly localUrl: string | undefined;
  readonly metricsUrl: string | undefined;
  /** Shows another certificate from the next connection on. */
  setCertificate(certificate: Certificate): void;
  /**
   * Ends without cutting a request off. From now on, `/readyz` answers 503 and each answer says `Connection: close`.
   * After `drainDelayMs` there are no new connections, and those without a request end. Resolves when all requests are
   * answered.
   */
  drain(): Promise<void>;
}

/** Uploads and downloads of slow devices take hours, headers and handshakes do not. */
const TIMEOUTS = { requestTimeout: 0, headersTimeout: 30_000, keepAliveTimeout: 72_000, handshakeTimeout: 30_000 };
const SWEEP_MS = 50;

const monitored = new WeakSet<Socket>();

/** What the listener for a monitoring system answers. */
const MONITORED: ReadonlySet<string> = new Set(["/metrics", "/healthz", "/readyz"]);

/** Whether a request came over the loopback listener or that of the monitoring system: only these show metrics. */
export const mayShowMetrics = ({ socket }: IncomingMessage): boolean => monitored.has(socket);

/**
 * Opens the listeners of an app, which must not have been started yet.
 *
 * @throws {ServerError} CONFIG_INVALID if it cannot listen at an address
 */
export async function openListeners(app: App, options: ListenerOptions): Promise<Listeners> {
  const { listen, localListen, metricsListen, certificate, lane, drainDelayMs = 0, ...patience } = options;
  const timeouts = { ...TIMEOUTS, ...patience };
  let isDraining = false;
  app.addHook("onSend", (_request, reply, payload, done) => {
    if (isDraining) reply.header("connection", "close");
    done(null, payload);
  });
  app.addHook("onRequest", ({ routeOptions }, _reply, done) => {
    done(
      isDraining && routeOptions.url === "/readyz"
        ? new ServerError("SERVER_ENDING", {}, { retryAfterS: 2 })
        : undefined,
    );
  });
  await app.ready();
  const handler = (request: IncomingMessage, response: ServerResponse): void => {
    if (lane === undefined || isDraining) app.routing(request, response);
    else lane.handle(request, response, app.routing);
  };
  const open: (HttpServer | TlsServer)[] = [];
  const sockets = new Set<Socket>();
  const keep = (socket: Socket): void => {
    sockets.add(socket);
    socket.once("close", () => sockets.delete(socket));
  };
  const add = async <Kind extends HttpServer | TlsServer>(server: Kind, key: string, address: Address) => {
    server.on("connection", keep);
    // Of a connection with TLS, the socket above has read the handshake.
    server.on("secureConnection", keep);
    await listenAt(server, key, address);
    open.push(server);
    return server;
  };
  const closeAll = async (): Promise<void> => {
    const ended = open.map((server) => new Promise<void>((resolve) => server.close(() => resolve())));
    const sweep = (): void => {
      for (const server of open) server.closeIdleConnections();
      // Browsers connect in advance. Nothing was asked over these. To listen for the first data instead would keep Node
      // from parsing requests as they arrive from the system.
      for (const socket of sockets) if (socket.bytesRead === 0) socket.destroy();
    };
    sweep();
    const timer = setInterval(sweep, SWEEP_MS);
    await Promise.all(ended);
    clearInterval(timer);
  };
  const secure = certificate && createTlsServer({ ...timeouts, ...pemOf(certificate), minVersion: "TLSv1.2" }, handler);
  const plain = createServer(timeouts, handler);
  const metrics = createServer(timeouts, (request, response) => {
    if (MONITORED.has(request.url ?? "")) app.routing(request, response);
    else response.writeHead(404).end();
  });
  for (const server of [plain, metrics]) server.on("connection", (socket) => monitored.add(socket));
  try {
    const all = listen && (await add(secure ?? createServer(timeouts, handler), "listen", listen));
    const own = localListen && (await add(plain, "local-listen", localListen));
    const measured = metricsListen && (await add(metrics, "metrics-listen", metricsListen));
    return {
      publicUrl: all && urlOf(all, secure === undefined ? "http" : "https"),
      localUrl: own && urlOf(own, "http"),
      metricsUrl: measured && urlOf(measured, "http"),
      setCertificate: (next) => secure?.setSecureContext({ ...pemOf(next), minVersion: "TLSv1.2" }),
      async drain() {
        isDraining = true;
        await sleep(drainDelayMs);
        await closeAll();
      },
    };
  } catch (error) {
    await closeAll();
    throw error;
  }
}

const pemOf = ({ key, cert }: Certificate) => ({ key, cert });

async function listenAt(server: HttpServer | TlsServer, key: string, address: Address): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(address, () => {
      server.off("error", reject);
      resolve();
    });
  }).catch((cause: unknown) => {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new ServerError("CONFIG_INVALID", { key, value: `${address.host ?? ""}:${address.port}`, reason }, { cause });
  });
}

function urlOf(server: HttpServer | TlsServer, scheme: string): string {
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("not listening on a port");
  const host = ["::", "0.0.0.0"].includes(address.address) ? "localhost" : address.address;
  return `${scheme}://${host.includes(":") ? `[${host}]` : host}:${address.port}`;
}
