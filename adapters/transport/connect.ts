import { connect as connectTcp, isIP, type Socket } from "node:net";
import { AgentError } from "../../src/errors/agent-error.ts";
import { Incoming, type StartTimer } from "./incoming.ts";
import { type ProxySettings, proxyAuthorization, proxyFor } from "./proxy.ts";
import { readHead } from "./response-head.ts";
import { shownUrl } from "./shown-url.ts";
import type { TlsClient } from "./tls-client.ts";

/** A connection for one request. */
export interface Connection {
  readonly socket: Socket;
  readonly incoming: Incoming;
  /** The proxy that the request itself goes to; absent where the other end is the server. */
  readonly proxy?: URL;
}

export interface ConnectOptions {
  readonly idleMs: number;
  /** What idle times go by; absent: the system's time. */
  readonly startTimer?: StartTimer;
  readonly proxies: ProxySettings;
  /** Asked at the first https connection: Node's TLS is a megabyte of memory to an agent that does without. */
  tls(): Promise<TlsClient>;
}

const TCP_KEEP_ALIVE_MS = 60_000;
const PORTS: Readonly<Record<string, number>> = { "http:": 80, "https:": 443 };

/** @throws what the sockets fail with; {AgentError} TRANSPORT_PROXY, and the codes of `options.tls` */
export async function connect(url: URL, options: ConnectOptions, signal: AbortSignal): Promise<Connection> {
  const proxy = proxyFor(url, options.proxies);
  if (proxy === undefined) return await open(url, options, signal);
  if (url.protocol === "http:") return { ...(await open(proxy, options, signal)), proxy };
  return await tunnel(url, proxy, options, signal);
}

const hostOf = (url: URL): string => url.hostname.replace(/^\[(.*)\]$/, "$1");
const portOf = (url: URL): number => Number(url.port || PORTS[url.protocol]);

/** TCP to the host of `url`, with TLS where its scheme says so. */
async function open(url: URL, options: ConnectOptions, signal: AbortSignal): Promise<Connection> {
  const incoming = new Incoming(options.idleMs, options.startTimer);
  const isTls = url.protocol === "https:";
  const to = { host: hostOf(url), port: portOf(url), onread: incoming.hook(isTls) };
  const socket = isTls
    ? (await options.tls()).connect({ ...to, ...identity(url) })
    : connectTcp({ ...to, noDelay: true, keepAlive: true, keepAliveInitialDelay: TCP_KEEP_ALIVE_MS });
  await established({ socket, incoming }, isTls, true, signal);
  return { socket, incoming };
}

/** TLS to the host of `url` within a connection to `proxy`. @see RFC 9110, section 9.3.6 */
async function tunnel(url: URL, proxy: URL, options: ConnectOptions, signal: AbortSignal): Promise<Connection> {
  const outer = await openUnhooked(proxy, options, signal);
  const target = `${url.hostname}:${portOf(url)}`;
  const authorization = proxyAuthorization(proxy);
  const credentials = authorization === undefined ? "" : `Proxy-Authorization: ${authorization}\r\n`;
  outer.socket.write(`CONNECT ${target} HTTP/1.1\r\nHost: ${target}\r\n${credentials}\r\n`);
  const { status } = await closing(outer, signal, () => readHead(outer.incoming));
  if (status < 200 || status > 299 || !outer.incoming.release()) {
    outer.socket.destroy();
    throw new AgentError("TRANSPORT_PROXY", { proxy: shownUrl(proxy), status });
  }
  const incoming = new Incoming(options.idleMs, options.startTimer);
  outer.socket.on("error", incoming.fail);
  const tls = await options.tls();
  const socket = tls.connect({ socket: outer.socket, host: hostOf(url), ...identity(url) });
  await established({ socket, incoming }, true, false, signal);
  return { socket, incoming };
}

/** A socket that can be handed on: what reads into a buffer of ours cannot be. */
async function openUnhooked(proxy: URL, options: ConnectOptions, signal: AbortSignal): Promise<Connection> {
  const incoming = new Incoming(options.idleMs, options.startTimer);
  const isTls = proxy.protocol === "https:";
  const to = { host: hostOf(proxy), port: portOf(proxy) };
  const socket = isTls ? (await options.tls()).connect({ ...to, ...identity(proxy) }) : connectTcp(to);
  await established({ socket, incoming }, isTls, false, signal);
  return { socket, incoming };
}

/** Host names are sent and checked; an address has no place in SNI. */
const identity = (url: URL): { servername?: string } => (isIP(hostOf(url)) === 0 ? { servername: hostOf(url) } : {});

async function established(
  connection: Connection,
  isTls: boolean,
  hooked: boolean,
  signal: AbortSignal,
): Promise<void> {
  const { socket, incoming } = connection;
  let isReady = false;
  socket.once(isTls ? "secureConnect" : "connect", () => {
    isReady = true;
    incoming.notice();
  });
  incoming.watch(socket, hooked);
  await closing(connection, signal, async () => {
    await incoming.until(() => isReady);
    if (!isReady) throw new Error("the connection was closed");
  });
  socket.setNoDelay(true).setKeepAlive(true, TCP_KEEP_ALIVE_MS);
}

/** Closes the connection when `work` fails or is aborted. */
export async function closing<T>(
  { socket, incoming }: Connection,
  signal: AbortSignal,
  work: () => Promise<T>,
): Promise<T> {
  const abort = (): void => incoming.fail(signal.reason);
  signal.addEventListener("abort", abort, { once: true });
  try {
    signal.throwIfAborted();
    return await work();
  } catch (error) {
    socket.destroy();
    throw error;
  } finally {
    signal.removeEventListener("abort", abort);
  }
}
