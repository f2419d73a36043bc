import { createServer, type RequestListener } from "node:http";
import { createServer as createSecureServer, type ServerOptions } from "node:https";
import { type AddressInfo, createServer as createTcpServer, type Server, type Socket } from "node:net";
import { systemClock } from "../../../adapters/clock/system-clock.ts";
import type { Lookup } from "../../../adapters/transport/dial.ts";
import { createHttpTransport } from "../../../adapters/transport/http-transport.ts";
import { readProxies } from "../../../adapters/transport/proxy.ts";
import { loadTlsClient, type TlsFiles } from "../../../adapters/transport/tls-client.ts";
import type { Clock } from "../../../src/ports/clock.ts";
import type { Transport, TransportResponse } from "../../../src/ports/transport.ts";
import { textOf } from "../../../src/util/body-text.ts";

export const never = new AbortController().signal;

/** Servers of one test. */
export class Servers {
  readonly #open = new Map<Server, Set<Socket>>();

  /** @returns the server's address */
  async http(listener: RequestListener): Promise<string> {
    return `http://127.0.0.1:${await this.#listen(createServer(listener))}`;
  }

  async https(options: ServerOptions, listener: RequestListener): Promise<string> {
    return `https://127.0.0.1:${await this.#listen(createSecureServer(options, listener))}`;
  }

  /** Answers each connection with `answer`, whatever the request is. */
  async tcp(answer: (socket: Socket) => void): Promise<string> {
    const server = createTcpServer((socket) => {
      socket.on("error", () => undefined);
      socket.once("data", () => answer(socket));
    });
    return `http://127.0.0.1:${await this.#listen(server)}`;
  }

  async close(): Promise<void> {
    for (const [server, sockets] of this.#open) {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    }
    this.#open.clear();
  }

  async #listen(server: Server): Promise<number> {
    const sockets = new Set<Socket>();
    this.#open.set(server, sockets);
    server.on("connection", (socket: Socket) => sockets.add(socket));
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    return (server.address() as AddressInfo).port;
  }
}

export interface ClientOptions {
  readonly idleMs?: number;
  readonly env?: Readonly<Record<string, string>>;
  readonly tls?: Partial<TlsFiles>;
  readonly log?: (level: string, message: string) => void;
  /** The clock for idle times and limits. */
  readonly clock?: Clock;
  readonly lookup?: Lookup;
}

export function client(options: ClientOptions = {}): Transport {
  const { idleMs = 5_000, clock = systemClock, env = {}, tls = {}, log = () => undefined } = options;
  const files: TlsFiles = { skipVerify: false, systemStores: [], ...tls };
  const { startTimer } = clock;
  return createHttpTransport({
    ...{ idleMs, startTimer, proxies: readProxies(env), tls: () => loadTlsClient(files, log) },
    ...(options.lookup && { lookup: options.lookup }),
  });
}

export const text = (response: TransportResponse): Promise<string> => textOf(response.body, 1_000_000);
