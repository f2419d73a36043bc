import { connect as connectTcp, isIP, type Socket } from "node:net";
import type { ConnectionOptions } from "node:tls";
import { AgentError } from "../../src/errors/agent-error.ts";
import type { Clock } from "../../src/ports/clock.ts";
import type { MaybePromise } from "../../src/util/byte-source.ts";
import { type Address, addressIn } from "./address.ts";
import { Incoming } from "./incoming.ts";
import type { Patience } from "./patience.ts";
import { type ProxySettings, proxyAuthorization, proxyFor } from "./proxy.ts";
import { readHead } from "./response-head.ts";
import { shownUrl } from "./shown-url.ts";
import type { TlsClient } from "./tls-client.ts";

/** A connection for one request. */
export interface Connection {
  readonly socket: Socket;
  readonly incoming: Incoming;
  readonly patience: Patience;
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
}

const TCP_KEEP_ALIVE_MS = 60_000;
const TCP = { noDelay: true, keepAlive: true, keepAliveInitialDelay: TCP_KEEP_ALIVE_MS };
/** libuv reads that much at once, and not more, into a buffer of somebody else's. */
const BUFFER_BYTES = 128 * 1024;

/**
 * @param patience is released with the connection, and when there is none
 * @throws what the sockets fail with; {AgentError} TRANSPORT_PROXY, and the codes of `options.tls`
 */
export async function connect(to: Address, options: ConnectOptions, patience: Patience): Promise<Connection> {
  try {
    const proxy = proxyFor(to.url, options.proxies);
    if (proxy === undefined) return await open(to, options, patience);
    if (!to.isTls) return { ...(await open(addressIn(proxy), options, patience)), proxy };
    return await tunnel(to, addressIn(proxy), options, patience);
  } catch (error) {
    patience.release();
    throw error;
  }
}

export function close({ socket, patience }: Connection): void {
  socket.destroy();
  patience.release();
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
function open(to: Address, options: ConnectOptions, patience: Patience): MaybePromise<Connection> {
  const incoming = incomingFor(options);
  const buffer = Buffer.allocUnsafeSlow(options.bufferBytes ?? BUFFER_BYTES);
  const place = { host: to.host, port: to.port, onread: incoming.hook(buffer, to.isTls) };
  return to.isTls
    ? secured({ ...place, ...identity(to) }, incoming, true, options, patience)
    : begun(connectTcp({ ...place, ...TCP }), incoming, true, patience);
}

/** TLS to a host within a connection to `proxy`. @see RFC 9110, section 9.3.6 */
async function tunnel(to: Address, proxy: Address, options: ConnectOptions, patience: Patience): Promise<Connection> {
  const outer = await openUnhooked(proxy, options, patience);
  const target = `${to.url.hostname}:${to.port}`;
  const authorization = proxyAuthorization(proxy.url);
  const credentials = authorization === undefined ? "" : `Proxy-Authorization: ${authorization}\r\n`;
  outer.socket.write(`CONNECT ${target} HTTP/1.1\r\nHost: ${target}\r\n${credentials}\r\n`);
  const { status } = await trying(outer, () => readHead(outer.incoming));
  if (status < 200 || status > 299 || !outer.incoming.release()) {
    close(outer);
    throw new AgentError("TRANSPORT_PROXY", { proxy: shownUrl(proxy.url), status });
  }
  const incoming = incomingFor(options);
  outer.socket.on("error", incoming.fail);
  return await secured({ socket: outer.socket, host: to.host, ...identity(to) }, incoming, false, options, patience);
}

/** A socket that can be handed on: what reads into a buffer of ours cannot be. */
function openUnhooked(proxy: Address, options: ConnectOptions, patience: Patience): MaybePromise<Connection> {
  const incoming = incomingFor(options);
  const { host, port } = proxy;
  return proxy.isTls
    ? secured({ host, port, ...identity(proxy) }, incoming, false, options, patience)
    : begun(connectTcp({ host, port, ...TCP }), incoming, false, patience);
}

/** Host names are sent and checked; an address has no place in SNI. */
const identity = ({ host }: Address): { servername?: string } => (isIP(host) === 0 ? { servername: host } : {});

function begun(socket: Socket, incoming: Incoming, hooked: boolean, patience: Patience): Connection {
  incoming.watch(socket, hooked);
  patience.tell(incoming.fail);
  return { socket, incoming, patience };
}

/** TLS, with the other end checked: nothing is to be written before that. */
async function secured(
  place: ConnectionOptions,
  incoming: Incoming,
  hooked: boolean,
  { tls }: ConnectOptions,
  patience: Patience,
): Promise<Connection> {
  const connection = begun((await tls()).connect(place), incoming, hooked, patience);
  await trying(connection, () => incoming.ready("secureConnect"));
  connection.socket.setNoDelay(true).setKeepAlive(true, TCP_KEEP_ALIVE_MS);
  return connection;
}
