import { lookup as resolve } from "node:dns";
import { Agent as PlainAgent, request as requestPlain } from "node:http";
import { request as requestTls, Agent as TlsAgent } from "node:https";
import { isIP, type LookupFunction } from "node:net";
import { VERSION } from "../../../src/version.ts";
import type { Message } from "../../domain/webhooks/message.ts";
import { SIGNATURE_HEADER, signatureOf } from "../../domain/webhooks/signature.ts";
import { addressRule } from "./allowed-addresses.ts";

/** How one attempt went. What the receiver says beyond its status is not kept: a webhook must not read for its owner. */
export interface Attempt {
  readonly isDelivered: boolean;
  readonly status: number | undefined;
  /** Why it is not delivered. */
  readonly error: string | undefined;
  readonly durationMs: number;
}

export interface Receiver {
  readonly url: string;
  /** Without it, nothing is signed. */
  readonly secret: Buffer | undefined;
}

/** Sends events to receivers of webhooks. */
export interface WebhookSender {
  /** Why nothing can be sent to a URL, as far as one sees without asking for the addresses of its name. */
  refusal(url: string): string | undefined;
  /** Sends one event. It resolves also if the receiver fails. */
  send(receiver: Receiver, message: Message): Promise<Attempt>;
  close(): void;
}

/** A receiver that takes longer has failed. */
const TIMEOUT_MS = 10_000;
const SOCKETS_EACH = 8;
const REFUSED = "ADDRESS_REFUSED";

/** @param allowed addresses and networks that are private, and may be called nevertheless */
export function createSender(allowed: readonly string[], timeoutMs: number = TIMEOUT_MS): WebhookSender {
  const isAllowed = addressRule(allowed);
  // A name is checked where its address is used: a second look-up could answer something else.
  const lookup: LookupFunction = (name, options, callback) =>
    resolve(name, { ...options, all: true }, (error, addresses) => {
      const [first] = addresses ?? [];
      if (error !== null || first === undefined) callback(error ?? new Error("no address"), "", 0);
      else if (!addresses.every(({ address }) => isAllowed(address)))
        callback(Object.assign(new Error("the address is private"), { code: REFUSED }), "", 0);
      else if (options.all === true) callback(null, addresses);
      else callback(null, first.address, first.family);
    });
  const options = { keepAlive: true, maxSockets: SOCKETS_EACH, maxFreeSockets: SOCKETS_EACH, timeout: 30_000, lookup };
  const plain = new PlainAgent(options);
  const tls = new TlsAgent(options);

  function refusal(text: string): string | undefined {
    const url = URL.canParse(text) ? new URL(text) : undefined;
    if (url === undefined || !/^https?:$/.test(url.protocol)) return "expected https://HOST/PATH";
    if (url.username !== "" || url.password !== "") return "a URL with a user name or a password is not allowed";
    const host = url.hostname.replace(/^\[|\]$/g, "");
    if (isIP(host) !== 0 && !isAllowed(host)) return "the address is private, and the server does not allow it";
    return undefined;
  }

  async function send({ url: text, secret }: Receiver, message: Message): Promise<Attempt> {
    const start = performance.now();
    const result = (status: number | undefined, error: string | undefined): Attempt => ({
      ...{ isDelivered: error === undefined, status, error },
      durationMs: Math.round(performance.now() - start),
    });
    const refused = refusal(text);
    if (refused !== undefined) return result(undefined, refused);
    const url = new URL(text);
    const body = JSON.stringify(message);
    const call = url.protocol === "https:" ? requestTls : requestPlain;
    return new Promise((done) => {
      const signal = AbortSignal.timeout(timeoutMs);
      const request = call(url, {
        method: "POST",
        agent: url.protocol === "https:" ? tls : plain,
        signal,
        headers: {
          "content-type": "application/json",
          "content-length": Buffer.byteLength(body),
          "user-agent": `switchback-server/${VERSION}`,
          ...(secret !== undefined && { [SIGNATURE_HEADER]: signatureOf(secret, body) }),
        },
      });
      request.once("error", (error) => done(result(undefined, reasonOf(error, signal.aborted))));
      request.once("response", (response) => {
        const status = response.statusCode ?? 0;
        // The connection can be used again if the answer is short. A long one is not worth reading.
        let bytes = 0;
        response.on("data", (chunk: Buffer) => {
          bytes += chunk.length;
          if (bytes > ANSWER_MAX) response.destroy();
        });
        const finish = (): void => done(result(status, statusReason(status)));
        response.once("close", finish);
        response.on("error", finish);
      });
      request.end(body);
    });
  }

  return {
    refusal,
    send,
    close() {
      plain.destroy();
      tls.destroy();
    },
  };
}

const ANSWER_MAX = 64 * 1024;

function statusReason(status: number): string | undefined {
  if (status >= 200 && status < 300) return undefined;
  if (status >= 300 && status < 400) return `status ${status}: redirects are not followed`;
  return `status ${status}`;
}

/** What is known of a failure, in few words: it is shown to the people of the tenant. */
function reasonOf(error: Error, isTimeout: boolean): string {
  const code = "code" in error ? String(error.code) : "";
  if (isTimeout) return "no answer in time";
  if (code === REFUSED) return "the address is private, and the server does not allow it";
  return (
    REASONS[code] ?? (code === "" || code === "ABORT_ERR" ? "the connection failed" : `the connection failed: ${code}`)
  );
}

const REASONS: Readonly<Record<string, string>> = {
  ENOTFOUND: "the name has no address",
  EAI_AGAIN: "the name cannot be looked up now",
  ECONNREFUSED: "nothing listens at the address",
  ECONNRESET: "the receiver closed the connection",
};
