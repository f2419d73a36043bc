import { connect as connectPlain, isIP, type Socket } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { connect as connectTls } from "node:tls";
import { framed } from "../../domain/audit/syslog.ts";

/** Where audit records go. */
export interface CollectorAddress {
  readonly host: string;
  readonly port: number;
  readonly isTls: boolean;
  /** PEM of the authorities that are trusted. Without it, the usual ones. */
  readonly ca: readonly string[] | undefined;
}

export interface Collector {
  /**
   * Sends messages in their order. It resolves when the collector has read all of them, and rejects if that is not
   * certain: then some may have arrived.
   */
  send(messages: readonly string[]): Promise<void>;
}

/** A collector that takes longer has failed. */
const TIMEOUT_MS = 20_000;
/** How long the connection stays open after the last message: a collector that has crashed shows it in this time. */
const SETTLE_MS = 200;

/**
 * Sends syslog over TCP, each message behind its length. Syslog has no receipts, so each batch has a connection of its own,
 * and its end is the receipt: after the last message this side closes, and a collector closes its side when it has read to
 * the end. If it dies with messages that it has not read, its system resets the connection instead.
 *
 * @see docs/adr/0028
 */
export function createCollector(
  { host, port, isTls, ca }: CollectorAddress,
  { timeoutMs = TIMEOUT_MS, settleMs = SETTLE_MS } = {},
): Collector {
  const open = (): Socket => {
    const address = { host, port, allowHalfOpen: true };
    if (!isTls) return connectPlain(address);
    const name = isIP(host) === 0 ? { servername: host } : {};
    return connectTls({ ...address, ...name, minVersion: "TLSv1.2", ...(ca !== undefined && { ca: [...ca] }) });
  };
  return {
    async send(messages) {
      const socket = open();
      const signal = AbortSignal.timeout(timeoutMs);
      const abort = (): void => void socket.destroy(new Error("the collector has not taken the records in time"));
      signal.addEventListener("abort", abort);
      try {
        await deliver(socket, messages, isTls ? "secureConnect" : "connect", settleMs);
      } finally {
        signal.removeEventListener("abort", abort);
        socket.destroy();
      }
    },
  };
}

async function deliver(
  socket: Socket,
  messages: readonly string[],
  connected: "connect" | "secureConnect",
  settleMs: number,
): Promise<void> {
  let isOver = false;
  const failed = new Promise<never>((_, reject) => {
    socket.once("error", reject);
    socket.once("close", () => reject(new Error("the connection broke")));
  });
  failed.catch(() => {}); // ignored: whatever waits below hears of it.
  const ended = new Promise<void>((resolve) => {
    socket.once("end", () => {
      isOver = true;
      resolve();
    });
  });
  // A collector says nothing. What it says nevertheless is not kept.
  socket.resume();
  await Promise.race([failed, new Promise((resolve) => socket.once(connected, resolve))]);
  for (const message of messages)
    if (!socket.write(framed(message)))
      await Promise.race([failed, new Promise((resolve) => socket.once("drain", resolve))]);
  await Promise.race([failed, new Promise((resolve) => socket.write("", resolve)), ended]);
  await Promise.race([failed, sleep(settleMs)]);
  if (isOver) throw new Error("the collector closed the connection before the end");
  socket.end();
  await Promise.race([failed, ended]);
}
