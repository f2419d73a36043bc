import { request as askUpstream } from "node:http";
import { createServer } from "node:https";
import type { AddressInfo } from "node:net";
import { selfSigned } from "../self-signed.ts";

/** What a proxy in front of a server is: ends TLS, and passes everything on. It can also break. */
export class TlsFront {
  readonly cert: string;
  readonly #server;
  #upstream = "";
  #cutAfter: number | undefined;
  /** `GET /path` with its Range, of downloads. */
  readonly downloads: string[] = [];

  constructor() {
    const { key, cert } = selfSigned({ address: "localhost" });
    this.cert = cert;
    this.#server = createServer({ key, cert }, (request, response) => {
      const isDownload = request.url?.includes("/download/") === true;
      if (isDownload) this.downloads.push(request.headers.range ?? "whole");
      const up = askUpstream(`${this.#upstream}${request.url}`, { method: request.method, headers: request.headers });
      up.on("error", () => response.destroy());
      up.on("response", (answer) => {
        response.writeHead(answer.statusCode ?? 502, answer.headers);
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

  async close(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }
}
