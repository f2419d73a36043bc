import { request as requestPlain } from "node:http";
import { request as requestTls } from "node:https";
import { VERSION } from "../../../src/version.ts";
import type { Message } from "../../domain/webhooks/message.ts";
import { SIGNATURE_HEADER, signatureOf } from "../../domain/webhooks/signature.ts";
import type { GuardedAgents } from "../outgoing/guarded-agents.ts";

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
}

/** A receiver that takes longer has failed. */
const TIMEOUT_MS = 10_000;

/** @param agents the caller closes them */
export function createSender(agents: GuardedAgents, timeoutMs: number = TIMEOUT_MS): WebhookSender {
  const { refusal, reasonOf, plain, tls } = agents;

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

  return { refusal, send };
}

const ANSWER_MAX = 64 * 1024;

function statusReason(status: number): string | undefined {
  if (status >= 200 && status < 300) return undefined;
  if (status >= 300 && status < 400) return `status ${status}: redirects are not followed`;
  return `status ${status}`;
}
