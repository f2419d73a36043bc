import { request as askUpstream, type IncomingMessage, type ServerResponse } from "node:http";
import { createServer } from "node:https";
import type { AddressInfo } from "node:net";
import { selfSigned } from "../self-signed.ts";

/** What a proxy in front of a server is: ends TLS, and passes everything on. It can also break. */
export class TlsFront {
  readonly cert: string;
  readonly #server;
  #upstream = "";
  #cutAfter: number | undefined;
  #hold: { readonly afterBytes: number; readonly reached: () => void; readonly over: Promise<void> } | undefined;
  /** `GET /path` with its Range, of downloads. */
  readonly downloads: string[] = [];

  /** @param pair another front may have the same: a client trusts only one certificate of a name */
  constructor({ key, cert } = selfSigned({ address: "localhost" })) {
    this.cert = cert;
    this.#server = createServer({ key, cert }, (request, response) => {
      const isDownload = request.url?.includes("/download/") === true;
      if (isDownload) this.downloads.push(request.headers.range ?? "whole");
      const up = askUpstream(`${this.#upstream}${request.url}`, { method: request.method, headers: request.headers });
      up.on("error", () => response.destroy());
      up.on("response", (answer) => {
        response.writeHead(answer.statusCode ?? 502, answer.headers);
        const hold = isDownload ? this.#hold : undefined;
        if (hold !== undefined) {
          this.#hold = undefined;
          return void holding(answer, response, hold);
        }
        const limit = isDownload ? this.#cutAfter : undefined;
        if (limit === undefined) return void answer.pipe(response);
        this.#cutAfter = undefined;
        let sent = 0;
        answer.on("data", (chunk: Buffer) => {
          const part = chunk.subarray(0, limit - sent);
          sent += part.length;
          response.write(part, () => {
            if (sent >= limit) response.socket?.destroy();
          });
          if (sent >= limit) answer.destroy();
        });
      });
      request.pipe(up);
    });
  }

  async listen(): Promise<string> {
    await new Promise<void>((resolve) => this.#server.listen(0, "localhost", resolve));
    return `https://localhost:${(this.#server.address() as AddressInfo).port}`;
  }

  passTo(upstream: string): void {
    this.#upstream = upstream;
  }

  /** Breaks the connection of the next download after so many bytes of its body. */
  cutNextDownload(bytes: number): void {
    this.#cutAfter = bytes;
  }

  /** Stops the next download after so many bytes, until `release`. */
  holdNextDownload(afterBytes: number): { readonly reached: Promise<void>; release(): void } {
    let release = (): void => {};
    let reached = (): void => {};
    const over = new Promise<void>((resolve) => {
      release = resolve;
    });
    const isReached = new Promise<void>((resolve) => {
      reached = resolve;
    });
    this.#hold = { afterBytes, reached, over };
    return { reached: isReached, release };
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }
}

async function holding(
  answer: IncomingMessage,
  response: ServerResponse,
  { afterBytes, reached, over }: { readonly afterBytes: number; reached(): void; readonly over: Promise<void> },
): Promise<void> {
  let sent = 0;
  try {
    for await (const chunk of answer) {
      response.write(chunk);
      const before = sent;
      sent += chunk.length;
      if (before >= afterBytes || sent < afterBytes) continue;
      reached();
      await over;
    }
    response.end();
  } catch {
    response.destroy();
  }
}
