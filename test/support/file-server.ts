import { createServer, type ServerResponse } from "node:http";
import type { AddressInfo, Socket } from "node:net";
import { setTimeout } from "node:timers/promises";

export interface FileServerOptions {
  /** Bytes sent per second; default: unlimited. */
  readonly bytesPerSecond?: number;
}

/** What a request asked for, and how many bytes of a body the server sent. */
export interface Served {
  readonly range: string | undefined;
  readonly ifRange: string | undefined;
  status: number;
  bytes: number;
}

const SLICE_BYTES = 64 * 1024;

/** Serves one file on the loopback, with ranges and ETags. Breaks off on request, and counts its bytes. */
export class FileServer {
  readonly served: Served[] = [];
  content: Buffer;
  etag: string | undefined = '"1"';
  /** Whether the server supports ranges. */
  ranges = true;
  /** Status of the next responses, in order; -1: a reset. After the last one, responses are normal again. */
  readonly statuses: number[] = [];
  /** How many bytes of a body the next responses send before the connection breaks, in order. */
  readonly breaks: number[] = [];
  readonly #bytesPerSecond: number;
  readonly #sockets = new Set<Socket>();
  readonly #server = createServer((request, response) => {
    const { range, "if-range": ifRange } = request.headers;
    void this.#answer(typeof range === "string" ? range : undefined, ifRange as string | undefined, response);
  });

  static async start(content: Buffer, options: FileServerOptions = {}): Promise<FileServer> {
    const server = new FileServer(content, options);
    await new Promise<void>((resolve) => server.#server.listen(0, "127.0.0.1", resolve));
    return server;
  }

  private constructor(content: Buffer, { bytesPerSecond = Number.POSITIVE_INFINITY }: FileServerOptions) {
    this.content = content;
    this.#bytesPerSecond = bytesPerSecond;
    this.#server.on("connection", (socket: Socket) => {
      this.#sockets.add(socket);
      socket.on("error", () => undefined);
    });
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}/release.mender?signature=secret`;
  }

  get servedBytes(): number {
    return this.served.reduce((total, { bytes }) => total + bytes, 0);
  }

  async close(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  async #answer(range: string | undefined, ifRange: string | undefined, response: ServerResponse): Promise<void> {
    const entry: Served = { range, ifRange, status: this.statuses.shift() ?? 0, bytes: 0 };
    this.served.push(entry);
    if (entry.status < 0) return void response.socket?.resetAndDestroy();
    if (entry.status !== 0) return void response.writeHead(entry.status).end();
    const size = this.content.length;
    const isSame = ifRange === undefined || ifRange === this.etag;
    const [, first, last] = (this.ranges && isSame && /^bytes=(\d+)-(\d+)$/.exec(range ?? "")) || [];
    entry.status = first === undefined ? 200 : 206;
    const [from, to] = [Number(first ?? 0), Math.min(Number(last ?? size - 1), size - 1) + 1];
    response.writeHead(entry.status, {
      "Content-Length": to - from,
      ...(this.etag !== undefined && { ETag: this.etag }),
      ...(first !== undefined && { "Content-Range": `bytes ${from}-${to - 1}/${size}` }),
    });
    await this.#send(this.content.subarray(from, to), entry, response);
  }

  async #send(body: Buffer, entry: Served, response: ServerResponse): Promise<void> {
    const breakAt = this.breaks.shift() ?? Number.POSITIVE_INFINITY;
    for (let at = 0; at < body.length && !response.destroyed; ) {
      const piece = body.subarray(at, Math.min(at + SLICE_BYTES, breakAt));
      if (piece.length === 0) return void response.destroy();
      // Wait until each piece has left, so that the count excludes what a killed client never received.
      await new Promise<void>((resolve) => {
        const done = (): void => {
          response.off("close", done);
          resolve();
        };
        response.on("close", done);
        response.write(piece, done);
      });
      at += piece.length;
      entry.bytes += piece.length;
      if (Number.isFinite(this.#bytesPerSecond)) await setTimeout((piece.length / this.#bytesPerSecond) * 1000);
    }
    response.end();
  }
}
