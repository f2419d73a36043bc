import { createReadStream, statSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { basename, join } from "node:path";
import { setTimeout } from "node:timers/promises";

const CHUNK_BYTES = 256 * 1024;

export interface SlowServer {
  readonly url: string;
  close(): Promise<void>;
}

/** Serves the files of `folder` on the loopback, no faster than `bytesPerSecond`. */
export async function serveSlowly(folder: string, bytesPerSecond: number): Promise<SlowServer> {
  const server = createServer(async (request, response) => {
    const path = join(folder, basename(request.url ?? ""));
    response.writeHead(200, { "content-length": statSync(path).size });
    for await (const chunk of createReadStream(path, { highWaterMark: CHUNK_BYTES })) {
      response.write(chunk);
      await setTimeout((CHUNK_BYTES / bytesPerSecond) * 1000);
    }
    response.end();
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}`,
    close: () => new Promise((resolve) => server.close(() => resolve())),
  };
}
