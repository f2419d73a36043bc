import { TLSSocket } from "node:tls";
import type { ServerFacts } from "../../src/ports/board-facts.ts";
import { addressIn } from "./address.ts";
import { type ConnectOptions, close, connect, trying } from "./connect.ts";
import { RequestTimeout } from "./request-timeout.ts";

const PATIENCE_MS = 15_000;

/** Node formats a subject as `KEY=VALUE` lines. */
const nameIn = (subject: string): string => /^CN=(.*)$/m.exec(subject)?.[1] ?? subject.replaceAll("\n", ", ");

/** Opens the connection that an update would use, and sends no request. */
export async function collectServerFacts(
  url: string,
  options: ConnectOptions,
  signal: AbortSignal,
): Promise<ServerFacts> {
  try {
    signal.throwIfAborted();
    const inTime = AbortSignal.any([signal, AbortSignal.timeout(PATIENCE_MS)]);
    const timeout = new RequestTimeout(inTime);
    const connection = await connect(addressIn(new URL(url)), options, timeout);
    const { socket } = connection;
    if (socket.connecting) await trying(connection, () => connection.incoming.ready("connect"));
    const certificate = socket instanceof TLSSocket ? socket.getPeerX509Certificate() : undefined;
    close(connection);
    if (certificate === undefined) return { kind: "plain" };
    return { kind: "trusted", expiresMs: Date.parse(certificate.validTo), name: nameIn(certificate.subject) };
  } catch (error) {
    signal.throwIfAborted();
    if (!(error instanceof Error)) throw error;
    return { kind: "failed", code: "code" in error ? String(error.code) : error.name, message: error.message };
  }
}
