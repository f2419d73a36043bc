import { connect as connectTcp, isIP, type Socket } from "node:net";
import { AgentError } from "../../src/errors/agent-error.ts";
import type { Clock } from "../../src/ports/clock.ts";
import { shownUrl } from "../../src/util/shown-url.ts";
import { type Address, addressIn } from "./address.ts";
import { basicCredentials } from "./basic-credentials.ts";
import { addressesOf, type Lookup, race } from "./dial.ts";
import { Incoming, type ReadHook } from "./incoming.ts";
import { type ProxySettings, proxyFor } from "./proxy.ts";
import type { RequestTimeout } from "./request-timeout.ts";
import { readHead } from "./response-head.ts";
import type { TlsClient } from "./tls-client.ts";

/** A connection for one request. */
export interface Connection {
  readonly socket: Socket;
  readonly incoming: Incoming;
  readonly timeout: RequestTimeout;
  /** The proxy that receives the request itself; absent if the connection ends at the server. */
  readonly proxy?: URL;
}

export interface ConnectOptions {
  /** How long a read waits for a byte until the connection counts as dead; absent: forever. */
  readonly idleMs?: number;
  /** Starts the timers of this connection. */
  readonly startTimer: Clock["startTimer"];
  readonly proxies: ProxySettings;
  /** Called for the first https connection: loading Node's TLS costs a megabyte, which an http-only agent saves. */
  tls(): Promise<TlsClient>;
  /** Size of the connection's read buffer; default: `BUFFER_BYTES`. */
  readonly bufferBytes?: number;
  /** Resolves a host name; default: the system's resolver. */
  readonly lookup?: Lookup;
}

const TCP_KEEP_ALIVE_MS = 60_000;
/** Node's own choice among several addresses ends each attempt after 250 ms, too soon for a slow link. */
const ONE_ADDRESS = { autoSelectFamily: false };
const TCP = { ...ONE_ADDRESS, noDelay: true, keepAlive: true, keepAliveInitialDelay: TCP_KEEP_ALIVE_MS };
/** libuv reads at most this much at once into a buffer that the caller supplies. */
const BUFFER_BYTES = 128 * 1024;

/**
 * @param timeout released when the connection closes, or here if connecting fails
 * @throws the errors of the sockets; {AgentError} TRANSPORT_PROXY, and the codes of `options.tls`
 */
export async function connect(to: Address, options: ConnectOptions, timeout: RequestTimeout): Promise<Connection> {
  try {
    const proxy = proxyFor(to.url, options.proxies);
    if (proxy === undefined) return await open(to, options, timeout);
    if (!to.isTls) return { ...(await open(addressIn(proxy), options, timeout)), proxy };
    return await tunnel(to, addressIn(proxy), options, timeout);
  } catch (error) {
    timeout.release();
    throw error;
  }
}

export function close({ socket, timeout }: Connection): void {
  socket.destroy();
  timeout.release();
}

/** Closes the connection when `work` fails. */
export async function trying<T>(connection: Connection, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    close(connection);
    throw error;
  }
}

const incomingFor = ({ idleMs, startTimer }: ConnectOptions): Incoming =>
  new Incoming(idleMs === undefined ? undefined : { ms: idleMs, startTimer });

/** Opens TCP to a host, with TLS if the scheme demands it. TCP queues what is written before it is connected. */
function open(to: Address, options: ConnectOptions, timeout: RequestTimeout): Promise<Connection> {
  const buffer = Buffer.allocUnsafeSlow(options.bufferBytes ?? BUFFER_BYTES);
  return dialled(to, options, timeout, (incoming) => ({ onread: incoming.hook(buffer, to.isTls) }));
}

/** @param hook of the socket; absent for a socket that carries TLS later, which cannot read into the caller's buffer */
async function dialled(
  to: Address,
  options: ConnectOptions,
  timeout: RequestTimeout,
  hook?: (incoming: Incoming) => { readonly onread: ReadHook },
): Promise<Connection> {
  const tls = to.isTls ? await options.tls() : undefined;
  const dial = (host: string): Dialled => {
    const incoming = incomingFor(options);
    const place = { host, port: to.port, ...hook?.(incoming) };
    const socket = tls?.connect({ ...place, ...ONE_ADDRESS, ...identity(to) }) ?? connectTcp({ ...place, ...TCP });
    // Watch at once: a socket can fail before the next await.
    incoming.watch(socket, hook !== undefined);
    return { socket, incoming };
  };
  const addresses = isIP(to.host) === 0 ? await addressesOf(to.host, options.lookup, timeout) : [to.host];
  const { socket, incoming } = await race(addresses, dial, options.startTimer, timeout);
  const connection = begun(socket, incoming, timeout);
  return tls === undefined ? connection : await secured(connection);
}

interface Dialled {
  readonly socket: Socket;
  readonly incoming: Incoming;
}

/** Opens TLS to a host through a connection to `proxy`. @see RFC 9110, section 9.3.6 */
async function tunnel(
  to: Address,
  proxy: Address,
  options: ConnectOptions,
  timeout: RequestTimeout,
): Promise<Connection> {
  const outer = await dialled(proxy, options, timeout);
  const target = `${to.url.hostname}:${to.port}`;
  const authorization = basicCredentials(proxy.url);
  const credentials = authorization === undefined ? "" : `Proxy-Authorization: ${authorization}\r\n`;
  outer.socket.write(`CONNECT ${target} HTTP/1.1\r\nHost: ${target}\r\n${credentials}\r\n`);
  const { status } = await trying(outer, () => readHead(outer.incoming));
  if (status < 200 || status > 299 || !outer.incoming.release()) {
    close(outer);
    throw new AgentError("TRANSPORT_PROXY", { proxy: shownUrl(proxy.url), status });
  }
  const incoming = incomingFor(options);
  outer.socket.on("error", incoming.fail);
  const socket = (await options.tls()).connect({ socket: outer.socket, host: to.host, ...identity(to) });
  incoming.watch(socket, false);
  return await secured(begun(socket, incoming, timeout));
}

/** TLS sends and checks host names only: SNI does not allow an IP address. */
const identity = ({ host }: Address): { servername?: string } => (isIP(host) === 0 ? { servername: host } : {});

function begun(socket: Socket, incoming: Incoming, timeout: RequestTimeout): Connection {
  timeout.tell(incoming.fail);
  return { socket, incoming, timeout };
}

/** Waits until TLS has verified the server: the caller must not write before that. */
async function secured(connection: Connection): Promise<Connection> {
  await trying(connection, () => connection.incoming.ready("secureConnect"));
  connection.socket.setNoDelay(true).setKeepAlive(true, TCP_KEEP_ALIVE_MS);
  return connection;
}
