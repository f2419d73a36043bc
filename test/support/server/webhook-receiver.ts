import { createServer, type IncomingHttpHeaders, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

export interface Received {
  readonly headers: IncomingHttpHeaders;
  readonly text: string;
  readonly body: {
    readonly id: string;
    readonly type: string;
    readonly data: Record<string, unknown>;
    readonly time: string;
  };
}

export interface Receiver {
  readonly url: string;
  readonly received: Received[];
  /** Answers a delivery. 204 without it. */
  answer: ((response: ServerResponse, received: Received) => void) | undefined;
  close(): Promise<void>;
}

/** A receiver of webhooks at this machine. */
export async function startReceiver(port = 0): Promise<Receiver> {
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on("data", (chunk: Buffer) => chunks.push(chunk));
    request.on("end", () => {
      const text = Buffer.concat(chunks).toString();
      const one: Received = { headers: request.headers, text, body: JSON.parse(text) };
      receiver.received.push(one);
      if (receiver.answer === undefined) response.writeHead(204).end();
      else receiver.answer(response, one);
    });
  });
  await new Promise<void>((resolve) => server.listen(port, "127.0.0.1", resolve));
  const receiver: Receiver = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/hook`,
    received: [],
    answer: undefined,
    async close() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
  return receiver;
}
