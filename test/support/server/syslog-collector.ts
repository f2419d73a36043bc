import { type AddressInfo, createServer as createPlain, type Socket } from "node:net";
import { createServer as createTls } from "node:tls";
import { selfSigned } from "../self-signed.ts";

export interface SyslogCollector {
  readonly port: number;
  /** The certificate, which clients must trust. */
  readonly cert: string;
  /** What has come, message by message. */
  readonly messages: string[];
  /** How many connections have come. */
  readonly connections: () => number;
  /** Does something else with a connection than to read it to its end. Without TLS, nothing is read before it. */
  behave: ((socket: Socket) => void) | undefined;
  close(): Promise<void>;
}

/** A collector of syslog at this machine, which reads messages with their lengths. */
export async function startCollector({ port = 0, isTls = false } = {}): Promise<SyslogCollector> {
  const identity = selfSigned();
  const sockets = new Set<Socket>();
  let count = 0;
  const hear = (socket: Socket): void => {
    count += 1;
    sockets.add(socket);
    socket.once("close", () => sockets.delete(socket));
    socket.on("error", () => undefined);
    if (collector.behave !== undefined) {
      collector.behave(socket);
      return;
    }
    socket.resume();
    let rest = Buffer.alloc(0);
    socket.on("data", (chunk: Buffer) => {
      rest = Buffer.concat([rest, chunk]);
      for (;;) {
        const space = rest.indexOf(" ");
        if (space < 0) return;
        const length = Number(rest.subarray(0, space).toString());
        if (!Number.isInteger(length)) {
          socket.destroy();
          return;
        }
        if (rest.length < space + 1 + length) return;
        collector.messages.push(rest.subarray(space + 1, space + 1 + length).toString());
        rest = rest.subarray(space + 1 + length);
      }
    });
  };
  const server = isTls ? createTls(identity, hear) : createPlain({ pauseOnConnect: true }, hear);
  await new Promise<void>((resolve) => server.listen(port, "127.0.0.1", resolve));
  const collector: SyslogCollector = {
    port: (server.address() as AddressInfo).port,
    cert: identity.cert,
    messages: [],
    connections: () => count,
    behave: undefined,
    async close() {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
  return collector;
}
