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
  /** The proxy that the request itself goes to; absent where the other end is the server. */
  readonly proxy?: URL;
}

export interface ConnectOptions {
  /** Time without a byte, while somebody waits for one, until a connection counts as dead; absent: it never does. */
  readonly idleMs?: number;
  /** What times go by. */
  readonly startTimer: Clock["startTimer"];
  readonly proxies: ProxySettings;
  /** Asked at the first https connection: Node's TLS is a megabyte of memory to an agent that does without. */
  tls(): Promise<TlsClient>;
  /** Of the buffer that a connection reads into; absent: as much as is worth it. */
  readonly bufferBytes?: number;
  /** Addresses of a host name; absent: what the system says. */
  readonly lookup?: Lookup;
}

const TCP_KEEP_ALIVE_MS = 60_000;
/** Node's own choice among several addresses ends each attempt after 250 ms, too soon for a slow link. */
const ONE_ADDRESS = { autoSelectFamily: false };
const TCP = { ...ONE_ADDRESS, noDelay: true, keepAlive: true, keepAliveInitialDelay: TCP_KEEP_ALIVE_MS };
/** libuv reads that much at once, and not more, into a buffer of somebody else's. */
const BUFFER_BYTES = 128 * 1024;

/**
 * @param patience is released with the connection, and when there is none
 * @throws what the sockets fail with; {AgentError} TRANSPORT_PROXY, and the codes of `options.tls`
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

/** TCP to a host, with TLS where its scheme says so. What is written to TCP waits by itself until there is a connection. */
function open(to: Address, options: ConnectOptions, timeout: RequestTimeout): Promise<Connection> {
  const buffer = Buffer.allocUnsafeSlow(options.bufferBytes ?? BUFFER_BYTES);
  return dialled(to, options, timeout, (incoming) => ({ onread: incoming.hook(buffer, to.isTls) }));
}

/** @param hook of the socket; absent for a socket that is handed on: what reads into a buffer of ours cannot be */
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
    // At once: a socket may fail before anything else is awaited.
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

/** TLS to a host within a connection to `proxy`. @see RFC 9110, section 9.3.6 */
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

/** Host names are sent and checked; an address has no place in SNI. */
const identity = ({ host }: Address): { servername?: string } => (isIP(host) === 0 ? { servername: host } : {});

function begun(socket: Socket, incoming: Incoming, timeout: RequestTimeout): Connection {
  timeout.tell(incoming.fail);
  return { socket, incoming, timeout };
}

/** TLS, with the other end checked: nothing is to be written before that. */
async function secured(connection: Connection): Promise<Connection> {
  await trying(connection, () => connection.incoming.ready("secureConnect"));
  connection.socket.setNoDelay(true).setKeepAlive(true, TCP_KEEP_ALIVE_MS);
  return connection;
}
