import { createReadStream, statSync } from "node:fs";
import { createServer, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

/** The server of one device. It accepts the device, and has an update only after `offer`. */
export class DeviceServer {
  /** How often the device has asked for an update. */
  polls = 0;
  readonly #artifact: string;
  readonly #server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on("data", (chunk: Buffer) => chunks.push(chunk));
    request.on("end", () => this.#answer(request.url ?? "", Buffer.concat(chunks).toString(), response));
  });
  #isOffered = false;
  #ended: () => void = () => undefined;

  static async start(artifact: string): Promise<DeviceServer> {
    const made = new DeviceServer(artifact);
    await new Promise<void>((resolve) => made.#server.listen(0, "127.0.0.1", resolve));
    return made;
  }

  private constructor(artifact: string) {
    this.#artifact = artifact;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  /** Offers the Artifact, and aborts the deployment once the device has downloaded it. Resolves at its end. */
  async offer(): Promise<void> {
    const ended = new Promise<void>((resolve) => {
      this.#ended = resolve;
    });
    this.#isOffered = true;
    await ended;
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  #answer(path: string, body: string, response: ServerResponse): void {
    if (path === "/release.mender") {
      response.writeHead(200, { "content-length": statSync(this.#artifact).size });
      createReadStream(this.#artifact).pipe(response);
    } else if (path.endsWith("/auth_requests")) response.end("token");
    else if (path.endsWith("/deployments/next")) this.#next(response);
    else if (path.endsWith("/status")) response.writeHead(this.#told(body)).end();
    else response.writeHead(path.endsWith("/attributes") ? 200 : 204).end();
  }

  #next(response: ServerResponse): void {
    this.polls += 1;
    if (!this.#isOffered) {
      response.writeHead(204).end();
      return;
    }
    this.#isOffered = false;
    const source = { uri: `${this.url}/release.mender`, expire: "2099-01-01T00:00:00Z" };
    const artifact = { artifact_name: "release-1", source, device_types_compatible: ["bench-board"] };
    response.end(JSON.stringify({ id: "00000000-0000-4000-8000-000000000001", artifact }));
  }

  #told(body: string): number {
    const { status } = JSON.parse(body);
    if (status === "failure") this.#ended();
    return status === "installing" ? 409 : 204;
  }
}
