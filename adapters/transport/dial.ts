import { lookup } from "node:dns/promises";
import type { Socket } from "node:net";
import type { Clock } from "../../src/ports/clock.ts";
import type { RequestTimeout } from "./request-timeout.ts";

/** Resolves a host name to addresses, in the system's order of preference. */
export type Lookup = (host: string) => Promise<readonly string[]>;

/** Delay before the next attempt starts. Earlier attempts continue, because a slow link needs seconds. RFC 8305. */
const NEXT_AFTER_MS = 250;
/** Limit for one attempt among several; the kernel alone would take two minutes. */
const ATTEMPT_MS = 30_000;

// `verbatim` overrides NODE_OPTIONS: only the system's own order respects /etc/gai.conf.
const systemLookup: Lookup = async (host) =>
  (await lookup(host, { all: true, verbatim: true })).map(({ address }) => address);

/** The addresses of `host`, alternating between the two families. */
export async function addressesOf(
  host: string,
  ask: Lookup = systemLookup,
  timeout: RequestTimeout,
): Promise<string[]> {
  const found = await new Promise<readonly string[]>((resolve, reject) => {
    timeout.tell(reject);
    ask(host).then(resolve, reject);
  });
  const isSixth = (address: string): boolean => address.includes(":");
  const first = found.filter((address) => isSixth(address) === isSixth(found[0] ?? ""));
  const others = found.filter((address) => !first.includes(address));
  return found.flatMap((_, index) => [first[index], others[index]].filter((address) => address !== undefined));
}

/**
 * Connects to the addresses. Each attempt starts shortly after the previous one, or as soon as that one fails. The
 * first address that connects wins. A single address is returned at once, before it is connected.
 *
 * @throws {Error} one error that lists the reason for every address
 */
export async function race<T extends { readonly socket: Socket }>(
  addresses: readonly string[],
  dial: (address: string) => T,
  startTimer: Clock["startTimer"],
  timeout: RequestTimeout,
): Promise<T> {
  const [only = ""] = addresses;
  if (addresses.length < 2) return dial(only);
  const waiting = [...addresses];
  const running = new Map<Socket, () => void>();
  const reasons: string[] = [];
  let stopNext: (() => void) | undefined;
  try {
    return await new Promise<T>((resolve, reject) => {
      const next = (): void => {
        stopNext?.();
        const address = waiting.shift();
        if (address === undefined) {
          if (running.size === 0) reject(new Error(reasons.join("; ")));
          return;
        }
        const dialled = dial(address);
        const { socket } = dialled;
        const failed = (reason: string): void => {
          running.get(socket)?.();
          if (!running.delete(socket)) return;
          socket.destroy();
          reasons.push(reason);
          next();
        };
        const late = (): void => failed(`connect ETIMEDOUT ${address} after ${ATTEMPT_MS / 1000} s`);
        running.set(socket, startTimer(ATTEMPT_MS, late));
        // Keep this listener: a destroyed socket can still emit an error, which would crash the process if unhandled.
        socket.on("error", (error) => failed(error.message));
        socket.once("connect", () => {
          running.get(socket)?.();
          if (running.delete(socket)) resolve(dialled);
        });
        stopNext = startTimer(NEXT_AFTER_MS, next);
      };
      timeout.tell(reject);
      next();
    });
  } finally {
    stopNext?.();
    for (const [socket, stopTimer] of running) {
      stopTimer();
      socket.destroy();
    }
    running.clear();
  }
}
