import { createReadStream, statSync } from "node:fs";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

/** The host's loopback, as guests in QEMU's network see it. */
export const HOST = "10.0.2.2";

/** Serves files to a guest, and breaks off downloads on request. */
export class ArtifactServer {
  readonly #paths: string[];
  readonly #server = createServer((request, response) => this.#answer(request, response));
  /** Number of bytes of the next answer after which the connection is reset. */
  #cutAfter: number | undefined;

  /** @param paths of the files, which get the names `/0.mender`, `/1.mender` and so on */
  static async start(paths: readonly string[]): Promise<ArtifactServer> {
    const made = new ArtifactServer(paths);
    await new Promise<void>((resolve) => made.#server.listen(0, "127.0.0.1", resolve));
    return made;
  }

  private constructor(paths: readonly string[]) {
    this.#paths = [...paths];
  }

  /** Number of files. */
  get count(): number {
    return this.#paths.length;
  }

  /** Serves these files from now on. */
  serve(paths: readonly string[]): void {
    this.#paths.splice(0, this.#paths.length, ...paths);
  }

  /** The address of a file, for guests. */
  urlOf(index: number): string {
    return `http://${HOST}:${(this.#server.address() as AddressInfo).port}/${index}.mender`;
  }

  /** Resets the connection once, in the middle of the next download. @param after part of the file that arrives: 0 to 1 */
  cutNext(index: number, after: number): void {
    this.#cutAfter = Math.floor(statSync(this.#paths[index] ?? "").size * after);
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  #answer({ url = "", headers, socket }: IncomingMessage, response: ServerResponse): void {
    const path = this.#paths[Number(/^\/(\d+)\.mender$/.exec(url)?.[1] ?? Number.NaN)];
    if (path === undefined) {
      response.writeHead(404).end();
      return;
    }
    const { size, mtimeMs } = statSync(path);
    const [, from = "0", to = ""] = /^bytes=(\d+)-(\d*)$/.exec(headers.range ?? "") ?? [];
    const range = { start: Number(from), end: to === "" ? size - 1 : Math.min(Number(to), size - 1) };
    const isPart = headers.range !== undefined && range.start <= range.end;
    response.writeHead(isPart ? 206 : 200, {
      etag: `"${size}-${mtimeMs}"`,
      "accept-ranges": "bytes",
      "content-length": isPart ? range.end - range.start + 1 : size,
      ...(isPart && { "content-range": `bytes ${range.start}-${range.end}/${size}` }),
    });
    const cutAfter = this.#cutAfter;
    this.#cutAfter = undefined;
    const options = isPart ? range : {};
    if (cutAfter === undefined) {
      createReadStream(path, options).pipe(response);
      return;
    }
    const stream = createReadStream(path, { ...options, end: Math.max(0, cutAfter - 1) });
    stream.pipe(response, { end: false });
    stream.once("end", () => {
      // What has been written must arrive before the reset.
      response.write("", () => socket.resetAndDestroy());
    });
  }
}
