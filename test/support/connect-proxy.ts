import { createServer, type IncomingMessage, type Server } from "node:http";
import { createServer as createSecureServer } from "node:https";
import { type AddressInfo, connect, type Socket } from "node:net";

/** A forwarding proxy on the loopback, for http (absolute form) and https (CONNECT). */
export interface ConnectProxy {
  readonly port: number;
  /** Request lines that the proxy forwarded. */
  readonly passed: readonly string[];
  close(): Promise<void>;
}

export interface ConnectProxyOptions {
  /** `name:password`. Requests without it get 407. */
  readonly credentials?: string;
  /** Redirects a CONNECT to another host. */
  route?(host: string): { readonly hostname: string; readonly port: string } | undefined;
  /** Makes clients reach the proxy itself over TLS. */
  readonly tls?: { readonly key: string; readonly cert: string };
}

export async function startProxy({ credentials, tls, route }: ConnectProxyOptions = {}): Promise<ConnectProxy> {
  const passed: string[] = [];
  const sockets = new Set<Socket>();
  const server: Server = tls === undefined ? createServer() : createSecureServer(tls);
  const isKnown = ({ headers }: IncomingMessage): boolean =>
    credentials === undefined ||
    headers["proxy-authorization"] === `Basic ${Buffer.from(credentials).toString("base64")}`;

  server.on("connection", (socket: Socket) => sockets.add(socket));
  server.on("request", (request, response) => {
    if (!isKnown(request)) return void response.writeHead(407).end();
    passed.push(`${request.method} ${request.url}`);
    const url = new URL(request.url ?? "");
    const upstream = connect(Number(url.port), url.hostname, () => {
      const { "proxy-authorization": _, ...headers } = request.headers;
      const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`);
      upstream.write(`${request.method} ${url.pathname}${url.search} HTTP/1.1\r\n${lines.join("")}\r\n`);
      request.pipe(upstream, { end: false });
      // The server's response goes back unchanged.
      upstream.pipe(request.socket);
    });
    sockets.add(upstream);
    upstream.on("error", () => request.socket.destroy());
  });
  server.on("connect", (request: IncomingMessage, client: Socket) => {
    if (!isKnown(request)) return void client.end("HTTP/1.1 407 Proxy Authentication Required\r\n\r\n");
    passed.push(`CONNECT ${request.url}`);
    const named = new URL(`http://${request.url}`);
    const target = route?.(named.hostname) ?? named;
    const upstream = connect(Number(target.port), target.hostname, () => {
      client.write("HTTP/1.1 200 Connection established\r\n\r\n");
      upstream.pipe(client);
      client.pipe(upstream);
    });
    sockets.add(upstream);
    upstream.on("error", () => client.destroy());
    client.on("error", () => upstream.destroy());
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    port: (server.address() as AddressInfo).port,
    passed,
    async close() {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
